// 3 → 4, 5, 6 · follows the log for ever: reads on while there is more, else waits for a wake-up; every adapter's `subscribe`.
import type { EventStore, LogPage, SubscribeOptions } from './event-store.port.js';

/** A wake-up can be lost (a notification's connection was down); the log is looked at again after this long in any case. */
const POLL_MS = 500;
const BATCH_SIZE_DEFAULT = 500;

/** Ordered and without a gap because each page starts exactly where the last one ended; a wake-up only says when to look. */
export async function* followLog(
  store: Pick<EventStore, 'readAll' | 'onAppended'>,
  options: SubscribeOptions,
  pollMs = POLL_MS,
): AsyncGenerator<LogPage, void> {
  const { signal, batchSizeMax: limit = BATCH_SIZE_DEFAULT, streamPrefixes, types } = options;
  const bell = new Bell(signal);
  const unsubscribe = store.onAppended((head) => {
    if (head > after) bell.ring();
  });
  let after = options.after;
  try {
    while (!isAborted(signal)) {
      const page = await store.readAll({ after, limit, streamPrefixes, types });
      if (isAborted(signal)) return;
      const moved = page.position > after;
      after = page.position;
      if (moved) yield page;
      if (page.atEnd) await bell.wait(pollMs);
    }
  } finally {
    unsubscribe();
    bell.dispose();
  }
}

/** Asked anew each time: it changes behind the compiler's back. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Rung while nobody waits, it ends the next wait at once: no wake-up is lost between a read and the wait after it. */
class Bell {
  private rung = false;
  private wake: (() => void) | null = null;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', this.ring);
  }

  readonly ring = (): void => {
    this.rung = true;
    this.wake?.();
  };

  async wait(timeoutMs: number): Promise<void> {
    if (!this.rung && !this.signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = null;
    }
    this.rung = false;
  }

  dispose(): void {
    this.signal.removeEventListener('abort', this.ring);
  }
}
