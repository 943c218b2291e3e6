// Hands every other module of a process the event store, customers' keys and keyed commands; imported once, by the main.
import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Registry } from 'prom-client';
import { CUSTOMER_KEYS, EVENT_STORE, KEYED_COMMANDS, METRICS, PG_POOL, SNAPSHOTS } from '#libs/platform';
import { EventStoreMetrics } from './event-store.metrics.js';
import type { EventStore } from './event-store.port.js';
import { LogKeyedCommands } from './idempotency/log-keyed-commands.js';
import { PostgresEventStore } from './postgres/postgres-event-store.postgres.js';
import { PostgresSnapshots } from './postgres/snapshots.postgres.js';
import { PostgresKeyVault } from './postgres/key-vault.postgres.js';
import type { Snapshots } from './sessions/snapshots.port.js';
import { CachedCustomerKeys } from './sealing/cached-customer-keys.js';
import type { CustomerKeys } from './sealing.port.js';

@Global()
@Module({
  providers: [
    { provide: EventStoreMetrics, inject: [METRICS], useFactory: (registry: Registry) => new EventStoreMetrics(registry) },
    {
      provide: EVENT_STORE,
      inject: [PG_POOL, EventStoreMetrics],
      useFactory: (pool: pg.Pool, metrics: EventStoreMetrics): EventStore => {
        const store = new PostgresEventStore({ pool, observer: metrics });
        metrics.watchQueue(() => store.queued);
        return store;
      },
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
