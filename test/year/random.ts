// A seeded source of chance: the same seed gives the same year.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** One for each part of the world, so that the order in which they are asked does not matter. */
  static of(seed: number, ...parts: Array<string | number>): Random {
    let hash = 2166136261 ^ seed;
    for (const char of parts.join(' ')) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619);
    return new Random(hash);
  }

  /** mulberry32: 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Both ends included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  of<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.next() * items.length)] as Item;
  }
}
