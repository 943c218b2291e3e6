// 5 react · writes due rows and checkpoint together, one write at a time; called every so often, and by whoever needs the rows to be there.
import type { Position } from '#libs/event-store';
import type { Lease } from '#libs/platform';
import type { DueRows } from '#libs/reactions';
import type { PendingRows } from './pending-rows.js';

export class CheckpointWriter {
  /** Every fact up to here is in the pending rows, or needs none. */
  #seen: Position;
  #written: Position;
  #current: Promise<void> | null = null;
  #following: Promise<void> | null = null;

  constructor(
    private readonly rows: DueRows,
    private readonly pending: PendingRows,
    private readonly lease: Lease,
    position: Position,
  ) {
    this.#seen = position;
    this.#written = position;
  }

  saw(position: Position): void {
    this.#seen = position;
  }

  get hasNews(): boolean {
    return this.#seen !== this.#written || this.pending.size > 0;
  }

  /** Resolved once everything that is pending now is in the database. */
  write(): Promise<void> {
    if (this.#current === null) {
      this.#current = this.#write().finally(() => (this.#current = null));
      return this.#current;
    }
    // One more write after the present one carries what everybody asked for meanwhile.
    this.#following ??= this.#current
      .catch(() => undefined)
      .then(() => {
        this.#following = null;
        return this.write();
      });
    return this.#following;
  }

  async #write(): Promise<void> {
    if (!this.hasNews) return;
    const [from, to] = [this.#written, this.#seen];
    const changes = this.pending.take();
    try {
      await this.rows.write(this.lease, from, to, changes);
    } catch (error) {
      this.pending.failed();
      throw error;
    }
    this.pending.written();
    this.#written = to;
  }
}
