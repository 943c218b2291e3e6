// Hands every other module of a process the event store, customers' keys and keyed commands; imported once, by the main.
import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Registry } from 'prom-client';
import type { Clock } from '#libs/kernel';
import {
  CLOCK,
  CONFIG,
  CUSTOMER_KEYS,
  EVENT_STORE,
  KEYED_COMMANDS,
  METRICS,
  PG_POOL,
  SNAPSHOTS,
  StartupError,
  type Config,
} from '#libs/platform';
import { EventStoreMetrics } from './event-store.metrics.js';
import { EventStoreUnavailable, type EventStore } from './event-store.port.js';
import { EventStoreDbEventStore } from './eventstoredb/eventstoredb-event-store.js';
import { LogKeyedCommands } from './idempotency/log-keyed-commands.js';
import { assertSameLog, POSTGRES_LOG } from './log-identity.postgres.js';
import { PostgresEventStore } from './postgres/postgres-event-store.postgres.js';
import { PostgresSnapshots } from './postgres/snapshots.postgres.js';
import { PostgresKeyVault } from './postgres/key-vault.postgres.js';
import type { Snapshots } from './sessions/snapshots.port.js';
import { CachedCustomerKeys } from './sealing/cached-customer-keys.js';
import type { CustomerKeys } from './sealing.port.js';

type Log = Pick<Config, 'eventStore' | 'eventStoreDbUrl' | 'eventStoreDbStreamPrefix'>;

async function openEventStore(pool: pg.Pool, metrics: EventStoreMetrics, config: Log, clock: Clock): Promise<EventStore> {
  if (config.eventStore === 'postgres') {
    await assertSameLog(pool, POSTGRES_LOG);
    const store = new PostgresEventStore({ pool, observer: metrics });
    metrics.watchQueue(() => store.queued);
    return store;
  }
  const { eventStoreDbUrl: url, eventStoreDbStreamPrefix: streamPrefix } = config;
  const store = new EventStoreDbEventStore({ url: url as string, streamPrefix, clock, observer: metrics });
  try {
    await assertSameLog(pool, await store.identity());
  } catch (error) {
    await store.close();
    throw error instanceof EventStoreUnavailable
      ? new StartupError(`${error.message}: is EVENTSTOREDB_URL right?`, { cause: error })
      : error;
  }
  metrics.watchQueue(() => store.queued);
  return store;
}

@Global()
@Module({
  providers: [
    { provide: EventStoreMetrics, inject: [METRICS], useFactory: (registry: Registry) => new EventStoreMetrics(registry) },
    {
      provide: EVENT_STORE,
      inject: [PG_POOL, EventStoreMetrics, CONFIG, CLOCK],
      useFactory: openEventStore,
    },
    { provide: SNAPSHOTS, inject: [PG_POOL], useFactory: (pool: pg.Pool): Snapshots => new PostgresSnapshots(pool) },
    {
      provide: CUSTOMER_KEYS,
      inject: [PG_POOL],
      useFactory: (pool: pg.Pool): CustomerKeys => new CachedCustomerKeys(new PostgresKeyVault(pool)),
    },
    {
      provide: KEYED_COMMANDS,
      inject: [EVENT_STORE, CUSTOMER_KEYS],
      useFactory: (store: EventStore, keys: CustomerKeys) => new LogKeyedCommands(store, keys),
    },
  ],
  exports: [EVENT_STORE, SNAPSHOTS, CUSTOMER_KEYS, KEYED_COMMANDS, EventStoreMetrics],
})
export class EventStoreModule implements OnApplicationShutdown {
  constructor(@Inject(EVENT_STORE) private readonly store: EventStore) {}

  /** After the last request was answered; what was submitted is answered first. Needs no pool, so the order of shutdowns does not matter. */
  async onApplicationShutdown(): Promise<void> {
    await this.store.close();
  }
}
