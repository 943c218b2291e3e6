// 5 react · who may submit next: a bounded number at once from this process, the fair queue's next whenever one has left.
import { FairQueue } from './fair-queue.js';

export class FairSlots<Item> {
  readonly #queue = new FairQueue<Item>();
  #taken = 0;

  constructor(
    private readonly slotsMax: number,
    private readonly start: (item: Item) => void,
  ) {}

  get waiting(): number {
    return this.#queue.waiting;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Starts it now or when its account's turn comes. */
  enter(account: string, weight: number, item: Item): void {
    this.#queue.enter(account, weight, item);
    this.#fill();
  }

  leave(): void {
    this.#taken -= 1;
    this.#fill();
  }

  /** Those of the account that wait wait no longer, and are never started. */
  drop(account: string): void {
    this.#queue.drop(account);
  }

  #fill(): void {
    while (this.#taken < this.slotsMax) {
      const item = this.#queue.next();
      if (item === null) return;
      this.#taken += 1;
      this.start(item);
    }
  }
}
