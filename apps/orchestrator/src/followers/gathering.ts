// 5 react · bounds how many things are done at once, and gathers what is written one after the other; used by the asset keeper.

export class Semaphore {
  readonly #waiting: Array<() => void> = [];

  constructor(private free: number) {}

  /** In the order of the calls. Answers null without having begun where the signal is aborted before its turn. */
  async with<Result>(act: () => Promise<Result>, signal: AbortSignal): Promise<Result | null> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return signal.aborted ? null : await act();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}

/** While one lot is written, the next one gathers. */
export class Gathering<Item> {
  #items: Item[] = [];
  #next: Promise<void> | null = null;
  #current: Promise<unknown> = Promise.resolve();

  constructor(private readonly write: (items: readonly Item[]) => Promise<void>) {}

  /** Resolved once the lot that it is in was written; rejected with what its write failed with. */
  add(item: Item): Promise<void> {
    this.#items.push(item);
    this.#next ??= this.#current
      .catch(() => undefined)
      .then(() => {
        const items = this.#items;
        [this.#items, this.#next] = [[], null];
        const written = this.write(items);
        this.#current = written;
        return written;
      });
    return this.#next;
  }
}
