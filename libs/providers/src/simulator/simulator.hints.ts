// 5 react · tells listeners in this process that a job is due, so that they ask at once; a lost hint costs a poll's delay and nothing else.

/** Timers are shared by all jobs due in the same slice of time: one timer for hundreds of jobs. */
const SLICE_MS = 10;
/** Beyond this many jobs a hint is dropped: polls find the job. */
const WAITING_MAX = 200_000;
/** Longer delays than this are left to polls. */
const DELAY_MS_MAX = 3_600_000;

export class SimulatorHints {
  readonly #listeners = new Set<(providerJobId: string) => void>();
  readonly #slices = new Map<number, { timer: NodeJS.Timeout; providerJobIds: string[] }>();
  #waiting = 0;

  listen(listener: (providerJobId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `delayMs` from now, rounded up to the slice's end: never before the job is due. */
  schedule(providerJobId: string, delayMs: number): void {
    if (this.#listeners.size === 0 || this.#waiting >= WAITING_MAX || delayMs > DELAY_MS_MAX) return;
    const now = Date.now();
    const slice = Math.ceil((now + Math.max(0, delayMs)) / SLICE_MS);
    this.#waiting += 1;
    const present = this.#slices.get(slice);
    if (present !== undefined) {
      present.providerJobIds.push(providerJobId);
      return;
    }
    const timer = setTimeout(() => this.#fire(slice), slice * SLICE_MS - now + 1);
    timer.unref();
    this.#slices.set(slice, { timer, providerJobIds: [providerJobId] });
  }

  close(): void {
    for (const { timer } of this.#slices.values()) clearTimeout(timer);
    this.#slices.clear();
    this.#listeners.clear();
    this.#waiting = 0;
  }

  #fire(slice: number): void {
    const due = this.#slices.get(slice)?.providerJobIds ?? [];
    this.#slices.delete(slice);
    this.#waiting -= due.length;
    for (const providerJobId of due) for (const listener of this.#listeners) listener(providerJobId);
  }
}
