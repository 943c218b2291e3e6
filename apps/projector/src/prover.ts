// 4 project · builds the tree of proofs while this process holds its lease, and signs a head at least every minute.
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { EventStore } from '#libs/event-store';
import { EVENT_STORE, LOGGER, PG_POOL, runUnderLease, type LeasedWork } from '#libs/platform';
import { buildProof, LedgerProofs, PROOF_LEASE, ProofTables } from '#libs/proof';

/** finance.md promises a head a minute: so a look is never later than this after the one before. */
const HEAD_EVERY_MS = 30_000;

@Injectable()
export class Prover implements OnApplicationBootstrap, OnApplicationShutdown {
  #work: LeasedWork | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(PG_POOL) private readonly pool: pg.Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(ProofTables) private readonly tables: ProofTables,
    @Inject(LedgerProofs) private readonly proofs: LedgerProofs,
  ) {}

  onApplicationBootstrap(): void {
    this.#work = runUnderLease(this.pool, PROOF_LEASE, (lease, signal) => buildProof(this.store, this.tables, lease, signal), {
      onError: (error) => this.logger.error({ err: error }, 'building the proof stopped; it starts again'),
    });
    this.#timer = setInterval(() => void this.#sign(), HEAD_EVERY_MS);
    this.#timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#work?.stop();
  }

  async #sign(): Promise<void> {
    if (this.#work?.held() !== true) return;
    await this.proofs
      .signIfGrown()
      .catch((error: unknown) => this.logger.warn({ err: error }, 'the head could not be signed; it is tried again'));
  }
}
