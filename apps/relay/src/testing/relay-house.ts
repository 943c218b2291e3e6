// A log in PostgreSQL with relays on it, for the relay's specs: facts that look like the product's, and any number of relays to race, stop and fence.
import { eventId, newCommandId, type JsonObject } from '#libs/kernel';
import { CachedCustomerKeys, PostgresEventStore, PostgresKeyVault, type CustomerKeys, type EventStore } from '#libs/event-store';
import { pause, type Messaging } from '#libs/messaging';
import type pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { RelayMetrics } from '../relay.metrics.js';
import { Relay, type RelayOptions } from '../relay.js';
import type { BatchSettings } from '../batch.js';

export const TENANT = 't1';

const PACE_MS = 100;
/** However busy the machine is, a relay keeps its lease; the next one asks for it every sixth of this. */
const LEASE_TTL_MS = 15_000;

export class RelayHouse {
  readonly store: EventStore;
  readonly keys: CustomerKeys;
  readonly #revisions = new Map<string, number>();
  readonly #relays: Relay[] = [];
  /** Every fact appended: id → stream. */
  readonly ids: string[] = [];

  constructor(
    private readonly pool: pg.Pool,
    private readonly prefix: string,
  ) {
    this.store = new PostgresEventStore({ pool });
    this.keys = new CachedCustomerKeys(new PostgresKeyVault(pool));
  }

  settings(changes: Partial<BatchSettings> = {}): BatchSettings {
    return {
      kafkaTopicPrefix: this.prefix,
      kafkaPartitions: 3,
      kafkaRetentionMs: -1,
      deploymentName: 'test',
      kafkaIncludeText: false,
      ...changes,
    };
  }

  relay(messaging: Messaging, options: RelayOptions = {}, settings: Partial<BatchSettings> = {}, registry = new Registry()): Relay {
    const { store, pool, keys } = this;
    const relay = new Relay(
      {
        store,
        pool,
        messaging,
        keys,
        clock: { now: () => Date.now() },
        settings: this.settings(settings),
        logger: pino({ level: process.env['RELAY_LOG'] ?? 'silent' }),
        metrics: new RelayMetrics(registry),
      },
      { batchSizeMax: 20, leaseTtlMs: LEASE_TTL_MS, backoff: { firstMs: 20, maxMs: 200 }, ...options },
    );
    this.#relays.push(relay);
    relay.start();
    return relay;
  }

  /** One command with these facts on one stream. */
  async append(stream: string, facts: ReadonlyArray<{ type: string; data: JsonObject; sealed?: string }>): Promise<void> {
    const expectedRevision = this.#revisions.get(stream) ?? -1;
    const meta = {
      commandId: newCommandId(),
      tenant: TENANT,
      actor: 'spec',
      correlationId: `cor-${this.ids.length}`,
      causationId: null,
      requestHash: null,
    };
    const outcome = await this.store.append({
      meta,
      appends: [{ stream, expectedRevision, facts: facts.map((fact) => ({ schemaVersion: 1, ...fact })) }],
    });
    if (!outcome.ok) throw new Error(`the append to ${stream} met a conflict`);
    this.#revisions.set(stream, expectedRevision + facts.length);
    this.ids.push(...facts.map((_, index) => eventId(meta.commandId, index)));
  }

  /** `count` facts, spread over accounts and their tasks. */
  async busy(count: number, streams = 6): Promise<void> {
    for (let n = 0; n < count; n += 2) {
      const account = `account-${TENANT}.acc_${n % streams}`;
      const task = `task-${TENANT}.task_${n % streams}`;
      await Promise.all([
        this.append(account, [{ type: 'AccountSuspended', data: { decidedAt: 'x', reason: `r${n}` } }]),
        this.append(task, [{ type: 'TaskProgressed', data: { attempt: 1, percent: n % 100, decidedAt: 'x' } }]),
      ]);
    }
  }

  /** Appends until it is told to stop; answers how long the slowest append took. */
  keepBusy(): { stop: () => Promise<void> } {
    const over = new AbortController();
    const done = (async (): Promise<void> => {
      while (!over.signal.aborted) {
        await this.busy(12);
        // As many facts as a quiet product writes: the broker is on trial here, not the machine.
        await pause(PACE_MS, over.signal);
      }
    })();
    return {
      async stop() {
        over.abort();
        await done;
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop()));
    await this.store.close();
  }
}
