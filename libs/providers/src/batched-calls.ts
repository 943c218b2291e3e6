// 5 react · turns many single calls into few statements: what is asked while one batch is under way goes out with the next.

export interface BatchedCallsOptions {
  batchSizeMax: number;
  /** Batches under way at once. */
  inFlightMax: number;
  /** The least time between the beginnings of two batches: a call after a rest goes out at once, a stream of them goes out together. */
  gatherMs: number;
}

interface Waiting<Key, Answer> {
  key: Key;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

/** `run` answers one answer per key, in order. */
export class BatchedCalls<Key, Answer> {
  #waiting: Array<Waiting<Key, Answer>> = [];
  #inFlight = 0;
  #isScheduled = false;
  #begunAtMs = -Infinity;

  constructor(
    private readonly run: (keys: Key[]) => Promise<Answer[]>,
    private readonly options: BatchedCallsOptions,
  ) {}

  call(key: Key): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#inFlight >= this.options.inFlightMax) return;
    this.#isScheduled = true;
    const waitMs = this.#begunAtMs + this.options.gatherMs - performance.now();
    if (waitMs > 0 && this.#waiting.length < this.options.batchSizeMax) setTimeout(() => this.#begin(), waitMs);
    else setImmediate(() => this.#begin());
  }

  #begin(): void {
    this.#isScheduled = false;
    this.#begunAtMs = performance.now();
    const batch = this.#waiting.splice(0, this.options.batchSizeMax);
    this.#inFlight += 1;
    void this.#send(batch).finally(() => {
      this.#inFlight -= 1;
      this.#schedule();
    });
    this.#schedule();
  }

  async #send(batch: Array<Waiting<Key, Answer>>): Promise<void> {
    try {
      const answers = await this.run(batch.map((waiting) => waiting.key));
      batch.forEach((waiting, index) => waiting.resolve(answers[index] as Answer));
    } catch (error) {
      for (const waiting of batch) waiting.reject(error as Error);
    }
  }
}
