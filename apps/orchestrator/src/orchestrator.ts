// 5 react · one process's part in reacting: joins the orchestrators, and while it owns partitions moves every live task of theirs on; started by the module.
import { LeasedShares } from '#libs/platform';
import { ORCHESTRATOR_GROUP, PARTITION_COUNT } from '#libs/reactions';
import type { OrchestratorParts } from './orchestrator.parts.js';
import { Shift } from './shift.js';

export class Orchestrator {
  #shares: LeasedShares | null = null;
  #shift: Shift | null = null;

  constructor(private readonly parts: OrchestratorParts) {}

  /** How many partitions are this process's own now. */
  get partitions(): number {
    return this.#shift?.partitions ?? 0;
  }

  get active(): number {
    return this.#shift?.active ?? 0;
  }

  get waiting(): number {
    return this.#shift?.waiting ?? 0;
  }

  /** As it stands in the rows of its leases. */
  get owner(): string | null {
    return this.#shares?.owner ?? null;
  }

  start(): void {
    if (this.#shares !== null) return;
    const { pool, logger, limits, metrics } = this.parts;
    const shift = new Shift(this.parts);
    const shares = new LeasedShares(pool, {
      group: ORCHESTRATOR_GROUP,
      count: PARTITION_COUNT,
      ttlMs: limits.leaseTtlMs,
      work: (held, signal) => shift.own(held, signal),
      onError: (error) => {
        metrics.troubles.inc({ part: 'partitions' });
        logger.error({ err: error }, 'a partition of the reactions could not be kept; it is tried again');
      },
    });
    [this.#shift, this.#shares] = [shift, shares];
    shift.start();
    void shares.start();
  }

  /** Finishes what is under way, writes it down, and gives the partitions to whoever is there. */
  async stop(): Promise<void> {
    const [shares, shift] = [this.#shares, this.#shift];
    this.#shares = null;
    await shares?.stop();
    await shift?.stop();
    this.#shift = null;
  }
}
