// One database, one log, one engine, and the read models over them: what every spec of this folder starts from.
import type pg from 'pg';
import type { CustomerKeys, EventStore } from '#libs/event-store';
import { until } from '../../../../test/support/until.js';
import { ProjectionEngine, type EngineOptions } from '../engine/engine.postgres.js';
import { ProjectionProgress } from '../engine/progress.js';
import type { ReadModel } from '../engine/read-model.port.js';
import { PostgresReadModels } from '../read-models.postgres.js';
import { READ_MODEL_LIST } from '../read-models.js';
import { type ManualClock, PLANS, POLICIES } from './world.js';

/** No customer has a key: texts read as null. */
export const NO_KEYS: CustomerKeys = {
  sealerFor: () => Promise.reject(new Error('nothing is sealed here')),
  openerFor: () => Promise.resolve(null),
  openersFor: (_tenant, accountIds) => Promise.resolve(new Map(accountIds.map((id) => [id, null]))),
};

/** Looks often, as specs wait for it. A machine that stands still for some seconds takes the lease from nobody: what is led anew tells anew. */
export const QUICK: EngineOptions = { leaseTtlMs: 20_000, pollMs: 50, registryMs: 20 };

export class Harness {
  readonly progress = new ProjectionProgress();
  readonly errors: Error[] = [];
  readonly engine: ProjectionEngine;
  readonly reads: PostgresReadModels;

  constructor(
    readonly store: EventStore,
    readonly pool: pg.Pool,
    clock: ManualClock,
    options: { models?: readonly ReadModel[]; keys?: CustomerKeys; engine?: EngineOptions } = {},
  ) {
    this.engine = new ProjectionEngine(store, pool, options.models ?? READ_MODEL_LIST, this.progress, {
      ...QUICK,
      onError: (error) => this.errors.push(error),
      ...options.engine,
    });
    const catalogue = {
      plan: (id: string) => {
        const terms = PLANS[id];
        return terms === undefined ? null : { ...terms, name: id, weight: 1, position: '', revision: 0 };
      },
    };
    const { progress } = this;
    const keys = options.keys ?? NO_KEYS;
    this.reads = new PostgresReadModels({ pool, store, clock, keys, catalogue, burnOrder: POLICIES.burnOrder, progress });
  }

  /** Until everything that is in the log now has been applied by every active version. */
  async caughtUp(): Promise<void> {
    const head = await this.store.head();
    await until(
      async () => (await this.engine.registry.versions()).some(({ state }) => state === 'active') && (await this.reads.position()) >= head,
    );
  }
}
