// 4 → query · how far the active read models have got, as this process knows it; told by the engine and by polls, asked by reads that wait.
import { POSITION_START, type Position } from '#libs/event-store';

interface Waiter {
  position: Position;
  resolve: (reached: boolean) => void;
  timer: NodeJS.Timeout;
}

/** Reads the least checkpoint of the active versions. */
export type ReadPosition = () => Promise<Position>;

const POLL_MS = 5;
/** While this process projects by itself, its own word comes first and the poll is only a net. */
const POLL_WHILE_LEADING_MS = 50;

export class ProjectionProgress {
  #position: Position = POSITION_START;
  #leading = false;
  #polling = false;
  readonly #waiters = new Set<Waiter>();

  /** Every active version has applied everything up to here, at least. */
  get position(): Position {
    return this.#position;
  }

  /** Called by the engine: whether this process holds the lease. */
  lead(leading: boolean): void {
    this.#leading = leading;
  }

  reached(position: Position): void {
    if (position <= this.#position) return;
    this.#position = position;
    for (const waiter of this.#waiters) {
      if (waiter.position > position) continue;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve(true);
    }
  }

  /** False after `timeoutMs`. One poll serves all who wait; a poll that fails is tried again until their time is up. */
  waitFor(position: Position, timeoutMs: number, read: ReadPosition): Promise<boolean> {
    if (position <= this.#position) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        resolve(false);
      }, timeoutMs);
      const waiter: Waiter = { position, resolve, timer };
      this.#waiters.add(waiter);
      if (!this.#polling) void this.#poll(read);
    });
  }

  async #poll(read: ReadPosition): Promise<void> {
    this.#polling = true;
    if (this.#leading) await pause(POLL_WHILE_LEADING_MS);
    while (this.#waiters.size > 0) {
      try {
        this.reached(await read());
      } catch {
        // The database is away: those who wait are answered by their time limit.
      }
      if (this.#waiters.size > 0) await pause(this.#leading ? POLL_WHILE_LEADING_MS : POLL_MS);
    }
    this.#polling = false;
  }
}

function pause(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}
