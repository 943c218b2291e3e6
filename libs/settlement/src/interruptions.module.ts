// 5 react · has holds without a task healed as long as the process runs; imported by the orchestrator, idle where the store writes both as one.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { EventStore } from '#libs/event-store';
import { EVENT_STORE, LOGGER, PG_POOL, type LeasedWork } from '#libs/platform';
import { watchInterruptions, type LeasedWatchParts } from './interruption-watch.postgres.js';
import { Interruptions } from './interruptions.js';

/** A submission that is alive has its task opened or its answer lost within a few seconds: the appends' own time-outs see to it. */
const GRACE_MS = 15_000;

interface ErrorLog {
  error(details: object, message: string): void;
}

@Module({})
export class InterruptionsModule implements OnApplicationBootstrap, OnModuleDestroy {
  private work: LeasedWork | null = null;

  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(PG_POOL) private readonly pool: LeasedWatchParts['pool'],
    @Inject(LOGGER) private readonly logger: ErrorLog,
    @Inject(Interruptions) private readonly interruptions: Interruptions,
  ) {}

  onApplicationBootstrap(): void {
    if (this.store.atomicAcrossStreams) return;
    this.work = watchInterruptions({
      pool: this.pool,
      store: this.store,
      heal: (reserved) => this.interruptions.heal(reserved),
      onError: (error) => this.logger.error({ err: error }, 'a hold without a task could not be healed; it is tried again'),
      graceMs: GRACE_MS,
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.work?.stop();
  }
}
