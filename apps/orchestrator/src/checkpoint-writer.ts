// 5 react · writes due rows and checkpoints of all partitions together, one write at a time; called every so often, and by whoever needs the rows to be there.
import type { DueRows } from '#libs/reactions';
import type { OwnedPartition } from './owned-partition.js';

export class CheckpointWriter {
  #current: Promise<void> | null = null;
  #following: Promise<void> | null = null;

  constructor(
    private readonly rows: Pick<DueRows, 'write'>,
    private readonly partitions: () => Iterable<OwnedPartition>,
    /** Another process owns it by now: nothing of it was written. */
    private readonly onLost: (partition: OwnedPartition) => void,
  ) {}

  /** Resolved once everything that is pending now is in the database, or belongs to another process. */
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
    const taken = [...this.partitions()].flatMap((partition) => {
      const write = partition.takeWrite();
      return write === null ? [] : [{ partition, write }];
    });
    if (taken.length === 0) return;
    let written: Set<number>;
    try {
      written = await this.rows.write(taken.map(({ write }) => write));
    } catch (error) {
      for (const { partition } of taken) partition.notWritten();
      throw error;
    }
    for (const { partition, write } of taken) {
      if (written.has(partition.index)) partition.written(write.to);
      else this.onLost(partition);
    }
  }
}
