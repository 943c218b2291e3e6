// 5 react · who is next in a line of accounts: weighted fair queueing by virtual time, so that one account's backlog starves no other; pure.

interface Line<Item> {
  account: string;
  weight: number;
  items: Item[];
  /** Index of the first that still waits; the array is cut once half of it has gone. */
  from: number;
  /** Its turn: the virtual time at which its first item may start. */
  turn: number;
  /** Among equal turns, who came first. */
  order: number;
}

/** Idle accounts are remembered until virtual time has passed what they had. */
const IDLE_SLACK = 1_024;

/**
 * Start-time fair queueing. An account's items are 1/weight apart in virtual time, and virtual time is the turn of whoever was next last. So
 * with everybody waiting, each account gets its weight's share; one that comes with a single item waits for no more than those that are next by now.
 */
export class FairQueue<Item> {
  readonly #lines = new Map<string, Line<Item>>();
  readonly #heap: Array<Line<Item>> = [];
  /** Turns of accounts whose line is empty: going and coming again gives no advantage. */
  readonly #idle = new Map<string, number>();
  #virtualTime = 0;
  #waiting = 0;
  #entries = 0;

  get waiting(): number {
    return this.#waiting;
  }

  enter(account: string, weight: number, item: Item): void {
    let line = this.#lines.get(account);
    if (line === undefined) {
      const turn = Math.max(this.#virtualTime, this.#idle.get(account) ?? 0);
      this.#idle.delete(account);
      line = { account, weight, items: [], from: 0, turn, order: ++this.#entries };
      this.#lines.set(account, line);
      this.#push(line);
    }
    line.weight = weight;
    line.items.push(item);
    this.#waiting += 1;
  }

  /** Takes whoever is next; null where nobody waits. */
  next(): Item | null {
    const line = this.#pop();
    if (line === null) return null;
    const item = line.items[line.from]!;
    line.from += 1;
    this.#waiting -= 1;
    this.#virtualTime = line.turn;
    line.turn += 1 / line.weight;
    if (line.from === line.items.length) {
      this.#lines.delete(line.account);
      this.#rest(line);
      return item;
    }
    if (line.from > 1_024 && line.from * 2 > line.items.length) {
      line.items.splice(0, line.from);
      line.from = 0;
    }
    line.order = ++this.#entries;
    this.#push(line);
    return item;
  }

  /** Everybody of the account leaves the line. */
  drop(account: string): void {
    const line = this.#lines.get(account);
    if (line === undefined) return;
    this.#lines.delete(account);
    this.#waiting -= line.items.length - line.from;
    const kept = this.#heap.filter((other) => other !== line);
    this.#heap.length = 0;
    for (const other of kept) this.#push(other);
  }

  #rest(line: Line<Item>): void {
    this.#idle.set(line.account, line.turn);
    if (this.#idle.size < IDLE_SLACK + 2 * this.#lines.size) return;
    for (const [account, turn] of this.#idle) if (turn <= this.#virtualTime) this.#idle.delete(account);
  }

  #push(line: Line<Item>): void {
    const heap = this.#heap;
    let index = heap.push(line) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(line, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = line;
  }

  #pop(): Line<Item> | null {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return null;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(line: Line<Item>): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (child >= heap.length || isBefore(line, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = line;
  }
}

function isBefore<Item>(a: Line<Item>, b: Line<Item>): boolean {
  return a.turn < b.turn || (a.turn === b.turn && a.order < b.order);
}
