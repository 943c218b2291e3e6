// 1 HTTP in · tells /readyz of the parts that a serving process reads from: the event store, and each read model with its lag or failure.
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { EventStore } from '#libs/event-store';
import { EVENT_STORE, READINESS, READ_MODELS, type PartHealth, type Readiness } from '#libs/platform';
import type { ProjectionStatus, ReadModels } from '#libs/projections';

/** Longer behind the log than this, and reads are visibly old. */
const LAG_MS_MAX = 10_000;
/** Several parts ask within one report. */
const FRESH_MS = 250;

@Injectable()
export class ReadinessParts implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #takeAway: Array<() => void> = [];
  #status: { at: number; value: Promise<ProjectionStatus[]> } | null = null;

  constructor(
    @Inject(READINESS) private readonly readiness: Readiness,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(READ_MODELS) private readonly models: ReadModels,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.#register('eventStore', async () => ({ status: 'ok', position: await this.store.head() }));
    for (const { name } of await this.models.status()) {
      this.#register(`readModel:${name}`, async () => healthOf((await this.#statusOfAll()).find((one) => one.name === name)));
    }
  }

  #register(part: string, check: () => Promise<PartHealth>): void {
    this.#takeAway.push(this.readiness.register(part, check));
  }

  #statusOfAll(): Promise<ProjectionStatus[]> {
    const now = performance.now();
    if (this.#status === null || now - this.#status.at > FRESH_MS) this.#status = { at: now, value: this.models.status() };
    return this.#status.value;
  }

  onModuleDestroy(): void {
    for (const takeAway of this.#takeAway.splice(0)) takeAway();
  }
}

function healthOf(status: ProjectionStatus | undefined): PartHealth {
  if (status === undefined) return { status: 'down', detail: 'the read model is gone' };
  const { version, position, lagMs, leased, failure } = status;
  const figures = { version, position, lagMs, leased };
  if (failure !== null)
    return { status: 'down', detail: `stopped at ${failure.position} (${failure.eventId}): ${failure.error.slice(0, 300)}`, ...figures };
  if (!leased) return { status: 'degraded', detail: 'no process projects it', ...figures };
  if (lagMs > LAG_MS_MAX) return { status: 'degraded', detail: 'behind the log', ...figures };
  return { status: 'ok', ...figures };
}
