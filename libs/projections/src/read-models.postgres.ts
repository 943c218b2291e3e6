// query · everything that the API reads, answered from projected rows; provided as READ_MODELS by projections.module.ts.
import type pg from 'pg';
import { type Clock, toIso } from '#libs/kernel';
import type { Catalogue } from '#libs/catalogue';
import type { CustomerKeys, EventStore, Position } from '#libs/event-store';
import type { Bucket } from '#libs/ledger';
import { listAdjustments, oneAdjustment } from './adjustments/query.postgres.js';
import { AccountQueries } from './balance-by-account/query.postgres.js';
import { listDisputes, oneDispute } from './disputes/query.postgres.js';
import { PROJECTOR_LEASE } from './engine/engine.postgres.js';
import type { ProjectionProgress } from './engine/progress.js';
import { ProjectionRegistry } from './engine/registry.postgres.js';
import { listMovements } from './movements/query.postgres.js';
import type {
  AdjustmentListQuery,
  DisputeListQuery,
  MovementListQuery,
  PageQuery,
  ProjectionStatus,
  ReadModels,
  TaskListQuery,
  Visibility,
} from './read-models.port.js';
import { ReceiptQueries } from './receipts/query.postgres.js';
import { TaskQueries } from './task-status/query.postgres.js';
import { userHistory } from './user-timeline/query.postgres.js';

export interface PostgresReadModelsOptions {
  pool: pg.Pool;
  store: EventStore;
  clock: Clock;
  keys: CustomerKeys;
  /** What a plan gives at a reset. */
  catalogue: Pick<Catalogue, 'plan'>;
  burnOrder: readonly Bucket[];
  /** Shared with the engine where this process has one. */
  progress: ProjectionProgress;
}

export class PostgresReadModels implements ReadModels {
  /** Also behind settlement's TaskLedgerFacts. */
  readonly taskQueries: TaskQueries;
  readonly #accounts: AccountQueries;
  readonly #receipts: ReceiptQueries;
  readonly #registry: ProjectionRegistry;

  constructor(private readonly options: PostgresReadModelsOptions) {
    const { pool, keys, clock, catalogue, burnOrder, store } = options;
    const allowanceOf = (plan: string): number => catalogue.plan(plan)?.monthlyAllowance ?? 0;
    this.#accounts = new AccountQueries(pool, keys, clock, { burnOrder, allowanceOf });
    this.taskQueries = new TaskQueries(pool, keys);
    this.#receipts = new ReceiptQueries(store, this.taskQueries);
    this.#registry = new ProjectionRegistry(pool);
  }

  account(who: Visibility, accountId: string): ReturnType<ReadModels['account']> {
    return this.#accounts.account(who, accountId);
  }

  accounts(who: Visibility, page: PageQuery): ReturnType<ReadModels['accounts']> {
    return this.#accounts.accounts(who, page);
  }

  balance(who: Visibility, accountId: string, at: number): ReturnType<ReadModels['balance']> {
    return this.#accounts.balance(who, accountId, at);
  }

  grants(who: Visibility, accountId: string, page: PageQuery): ReturnType<ReadModels['grants']> {
    return this.#accounts.grants(who, accountId, page);
  }

  async movements(who: Visibility, accountId: string, query: MovementListQuery): ReturnType<ReadModels['movements']> {
    return (await this.#accounts.exists(who, accountId)) ? listMovements(this.options.pool, who, accountId, query) : null;
  }

  disputes(who: Visibility, query: DisputeListQuery): ReturnType<ReadModels['disputes']> {
    return listDisputes(this.options.pool, who, query, this.options.clock.now());
  }

  dispute(who: Visibility, disputeId: string): ReturnType<ReadModels['dispute']> {
    return oneDispute(this.options.pool, who, disputeId, this.options.clock.now());
  }

  adjustments(who: Visibility, query: AdjustmentListQuery): ReturnType<ReadModels['adjustments']> {
    return listAdjustments(this.options.pool, who, query);
  }

  adjustment(who: Visibility, adjustmentId: string): ReturnType<ReadModels['adjustment']> {
    return oneAdjustment(this.options.pool, who, adjustmentId);
  }

  task(who: Visibility, taskId: string): ReturnType<ReadModels['task']> {
    return this.taskQueries.task(who, taskId);
  }

  tasks(who: Visibility, query: TaskListQuery): ReturnType<ReadModels['tasks']> {
    return this.taskQueries.tasks(who, query);
  }

  receipt(who: Visibility, taskId: string): ReturnType<ReadModels['receipt']> {
    return this.#receipts.receipt(who, taskId);
  }

  userHistory(who: Visibility, userId: string, page: PageQuery): ReturnType<ReadModels['userHistory']> {
    return userHistory(this.options.pool, who, userId, page);
  }

  async position(): Promise<Position> {
    const position = await this.#registry.activePosition();
    this.options.progress.reached(position);
    return position;
  }

  waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    return this.options.progress.waitFor(position, timeoutMs, () => this.#registry.activePosition());
  }

  async status(): Promise<ProjectionStatus[]> {
    const [versions, head, leased] = await Promise.all([this.#registry.versions(), this.options.store.head(), this.#isLeased()]);
    // A version that is being built lags by nature; it is worth a word once it has failed.
    const shown = versions.filter(({ state, failure }) => state === 'active' || (state === 'building' && failure !== null));
    const lags = await this.#lags([...new Set(shown.map((version) => version.position))], head);
    return shown.map(({ name, version, position, failure }) => ({
      name,
      version,
      position,
      lagMs: lags.get(position) ?? 0,
      failure: failure === null ? null : { ...failure, at: toIso(failure.at.getTime()) },
      leased,
    }));
  }

  async totals(): ReturnType<ReadModels['totals']> {
    const [tasksByStatus, creditsHeld] = await Promise.all([this.taskQueries.tasksByStatus(), this.#accounts.creditsHeld()]);
    return { tasksByStatus, creditsHeld };
  }

  /** The age of the first fact after each position; 0 where there is none. */
  async #lags(positions: readonly Position[], head: Position): Promise<Map<Position, number>> {
    const lags = new Map<Position, number>();
    for (const position of positions) {
      if (position >= head) continue;
      const [next] = (await this.options.store.readAll({ after: position, limit: 1 })).facts;
      if (next !== undefined) lags.set(position, Math.max(0, this.options.clock.now() - next.recordedAt));
    }
    return lags;
  }

  async #isLeased(): Promise<boolean> {
    const { rowCount } = await this.options.pool.query('SELECT 1 FROM leases WHERE name = $1 AND expires_at > clock_timestamp()', [
      PROJECTOR_LEASE,
    ]);
    return rowCount === 1;
  }
}
