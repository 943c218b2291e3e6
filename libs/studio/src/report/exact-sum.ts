// query · sums of exact decimals, also negative ones; a report over a million attempts adds some ten million of them.
import { invariant } from '#libs/kernel';

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** digits × 10^-scale. The kernel's decimals are never negative; a cost may be, where goodwill came after the period it makes up for. */
export interface SignedDecimal {
  digits: bigint;
  scale: number;
}

/** Broken where the text is no plain decimal: what is summed was written by us. */
export function signedDecimal(text: string): SignedDecimal {
  const match = DECIMAL.exec(text);
  invariant(match !== null, () => `not a decimal: ${text.slice(0, 40)}`);
  const fraction = match[3] ?? '';
  const digits = BigInt((match[2] as string) + fraction);
  return { digits: match[1] === '-' ? -digits : digits, scale: fraction.length };
}

/** Whole numbers of up to nine digits, nearly all there are, are added as such: bigints cost ten times as much. */
const SMALL = /^\d{1,9}$/;
const WHOLE_MAX = 2 ** 52;

export class ExactSum {
  #whole = 0;
  #digits = 0n;
  #scale = 0;

  add(text: string): void {
    if (text === '0') return;
    if (SMALL.test(text)) {
      this.#whole += Number(text);
      if (this.#whole > WHOLE_MAX) this.#carry();
      return;
    }
    this.#addDecimal(signedDecimal(text));
  }

  addSum(other: ExactSum): void {
    this.#addDecimal(other.value());
  }

  value(): SignedDecimal {
    this.#carry();
    return { digits: this.#digits, scale: this.#scale };
  }

  /** The shortest form. */
  toString(): string {
    return formatSigned(this.value());
  }

  #carry(): void {
    this.#digits += BigInt(this.#whole) * 10n ** BigInt(this.#scale);
    this.#whole = 0;
  }

  #addDecimal({ digits, scale }: SignedDecimal): void {
    if (scale > this.#scale) {
      this.#digits *= 10n ** BigInt(scale - this.#scale);
      this.#scale = scale;
    }
    this.#digits += scale === this.#scale ? digits : digits * 10n ** BigInt(this.#scale - scale);
  }
}

export function formatSigned({ digits, scale }: SignedDecimal): string {
  const sign = digits < 0n ? '-' : '';
  const text = (digits < 0n ? -digits : digits).toString();
  if (scale === 0) return sign + text;
  const padded = text.padStart(scale + 1, '0');
  const fraction = padded.slice(-scale).replace(/0+$/, '');
  return sign + padded.slice(0, -scale) + (fraction === '' ? '' : `.${fraction}`);
}
