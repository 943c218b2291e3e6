// How long to wait before the next attempt: twice the last time, with some chance in it, up to a bound; used wherever Kafka is tried again.

export class Backoff {
  #nextMs: number;

  constructor(private readonly bounds: { firstMs: number; maxMs: number }) {
    this.#nextMs = bounds.firstMs;
  }

  next(): number {
    const timeMs = this.#nextMs;
    this.#nextMs = Math.min(timeMs * 2, this.bounds.maxMs);
    // Processes that lost the same broker do not all come back in the same moment.
    return timeMs * (0.75 + Math.random() / 2);
  }

  reset(): void {
    this.#nextMs = this.bounds.firstMs;
  }
}

/** Ends early when the signal is aborted; keeps no process alive. */
export function pause(timeMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const timer = setTimeout(end, timeMs);
    timer.unref();
    signal?.addEventListener('abort', end, { once: true });
    function end(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    }
  });
}
