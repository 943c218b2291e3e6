// 5 react · who may submit next: a bounded number at once, round robin over accounts, so that one account's backlog starves no other.

interface Line<Item> {
  account: string;
  items: Item[];
  /** Index of the first that still waits; the array is cut once half of it has gone. */
  from: number;
}

export class FairSlots<Item> {
  readonly #lines = new Map<string, Line<Item>>();
  /** Accounts with somebody waiting, in the order of their turns. */
  #turns: Array<Line<Item>> = [];
  #nextTurn = 0;
  #taken = 0;
  #waiting = 0;

  constructor(
    private readonly slotsMax: number,
    private readonly start: (item: Item) => void,
  ) {}

  get waiting(): number {
    return this.#waiting;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Starts it now or when its account's turn comes. */
  enter(account: string, item: Item): void {
    let line = this.#lines.get(account);
    if (line === undefined) {
      line = { account, items: [], from: 0 };
      this.#lines.set(account, line);
      this.#turns.push(line);
    }
    line.items.push(item);
    this.#waiting += 1;
    this.#fill();
  }

  leave(): void {
    this.#taken -= 1;
    this.#fill();
  }

  #fill(): void {
    while (this.#taken < this.slotsMax && this.#waiting > 0) {
      const item = this.#next();
      this.#taken += 1;
      this.#waiting -= 1;
      this.start(item);
    }
  }

  #next(): Item {
    if (this.#nextTurn >= this.#turns.length) this.#nextTurn = 0;
    const line = this.#turns[this.#nextTurn]!;
    const item = line.items[line.from]!;
    line.from += 1;
    if (line.from === line.items.length) {
      this.#lines.delete(line.account);
      // The last takes the place that became free: the turn of every other account stays within one round.
      const last = this.#turns.pop()!;
      if (last !== line) this.#turns[this.#nextTurn] = last;
      return item;
    }
    if (line.from > 1_024 && line.from * 2 > line.items.length) {
      line.items.splice(0, line.from);
      line.from = 0;
    }
    this.#nextTurn += 1;
    return item;
  }
}
