// Writes the bits of H.264 headers; the simulator's video asks for the few codes that it needs.

export class BitWriter {
  readonly #bytes: number[] = [];
  #pending = 0;
  #count = 0;

  bits(value: number, width: number): this {
    for (let at = width - 1; at >= 0; at -= 1) {
      this.#pending = (this.#pending << 1) | ((value >>> at) & 1);
      this.#count += 1;
      if (this.#count < 8) continue;
      this.#bytes.push(this.#pending);
      this.#pending = 0;
      this.#count = 0;
    }
    return this;
  }

  /** ue(v): as many zeros as the number plus one has bits after its first, then that number. */
  unsigned(value: number): this {
    const width = Math.floor(Math.log2(value + 1)) + 1;
    return this.bits(0, width - 1).bits(value + 1, width);
  }

  /** Zero bits up to the next byte. */
  align(): this {
    return this.#count === 0 ? this : this.bits(0, 8 - this.#count);
  }

  /** Only where the bits end with a byte. */
  bytes(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** rbsp_trailing_bits. */
  finish(): Buffer {
    this.bits(1, 1).align();
    return Buffer.from(this.#bytes);
  }
}
