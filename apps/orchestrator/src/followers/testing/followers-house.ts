// A log with tasks in PostgreSQL and followers on it, for their specs: processes that can be stopped, and a vendor whose assets come and go.
import type pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { newCommandId, type Clock, type JsonObject } from '#libs/kernel';
import type { AssetHints, AssetKeeping, KeptAsset } from '#libs/assets';
import {
  NO_STREAM,
  PostgresEventStore,
  processMeta,
  StreamSessions,
  tenantStream,
  type EventStore,
  type StoredFact,
} from '#libs/event-store';
import { evolveTask, initialTask, TASK_FACT_VERSIONS, taskDecider, type TaskBrief, type TaskFact, type TaskState } from '#libs/tasks';
import { AssetKeeper, type AssetKeeperOptions, type AssetKeeperParts } from '../asset-keeper.js';
import { AssetQueue } from '../asset-queue.postgres.js';
import { ClipMaker } from '../clip-maker.js';
import { FollowerMetrics } from '../follower.metrics.js';
import { LogFollower, type FollowerOptions, type Reaction } from '../log-follower.js';

export const TENANT = 'acme';
const systemClock: Clock = { now: () => Date.now() };
export const BRIEF: TaskBrief = {
  briefId: 'brief_1',
  briefRevision: 1,
  promptId: 'prompt_1',
  promptVersion: 2,
  promptVersionId: 'prompt_1.2',
  budgeted: false,
  autoReview: false,
};
/** However busy the machine is, a follower keeps its lease. */
const IN_PEACE: FollowerOptions = { leaseTtlMs: 60_000, retryMs: 100 };
const AT = '2026-11-22T10:00:00.000Z';

/** Answers for a vendor, by URL; whatever it is not told of is there. */
export class Vendor implements AssetKeeping {
  readonly asked: string[] = [];
  readonly failures = new Map<string, Extract<KeptAsset, { kept: false }>['failure']>();
  /** Asked for, and left without an answer until they are broken off. */
  readonly hanging = new Set<string>();
  atOnceMax = 0;
  #atOnce = 0;

  async keep(tenant: string, sourceUrl: string, hints?: AssetHints): Promise<KeptAsset> {
    this.asked.push(sourceUrl);
    this.#atOnce += 1;
    this.atOnceMax = Math.max(this.atOnceMax, this.#atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.hanging.has(sourceUrl)) {
      if (hints?.signal?.aborted !== true)
        await new Promise((resolve) => hints?.signal?.addEventListener('abort', resolve, { once: true }));
      this.#atOnce -= 1;
      return { kept: false, failure: { code: 'timed_out', detail: 'broken off', retryable: true } };
    }
    this.#atOnce -= 1;
    const failure = this.failures.get(sourceUrl);
    if (failure !== undefined) return { kept: false, failure };
    const id = 'a'.repeat(64);
    const name = `${id}.mp4`;
    const asset = { id, name, url: `/v1/assets/${name}?of=${tenant}`, sha256: 'b'.repeat(64), bytes: 12 };
    return { kept: true, asset: { ...asset, mediaType: 'video/mp4', durationSeconds: '4.96', width: 64, height: 36 } };
  }
}

export class FollowersHouse {
  readonly store: EventStore;
  readonly queue: AssetQueue;
  readonly vendor = new Vendor();
  readonly #followers: LogFollower[] = [];

  constructor(
    readonly pool: pg.Pool,
    store?: EventStore,
  ) {
    this.store = store ?? new PostgresEventStore({ pool });
    this.queue = new AssetQueue(pool);
  }

  follow(reaction: Reaction, options: FollowerOptions = {}, pool = this.pool, registry = new Registry()): LogFollower {
    const logger = pino({ level: process.env['TEST_LOG'] ?? 'silent' });
    const parts = { store: this.store, pool, clock: systemClock, logger, metrics: new FollowerMetrics(registry) };
    const follower = new LogFollower(parts, reaction, { ...IN_PEACE, ...options });
    this.#followers.push(follower);
    follower.start();
    return follower;
  }

  clipMaker(): ClipMaker {
    return new ClipMaker({ store: this.store, clock: systemClock, metrics: new FollowerMetrics(new Registry()) });
  }

  assetKeeper(keep: AssetKeeperParts['keep'] = 'all', options: AssetKeeperOptions = {}): AssetKeeper {
    const { store, queue, vendor } = this;
    const sessions = new StreamSessions<TaskState, TaskFact>({ store, decider: taskDecider, clock: systemClock, sessionsMax: 1_000 });
    const logger = pino({ level: process.env['TEST_LOG'] ?? 'silent' });
    const parts = { store, sessions, queue, assets: vendor, keep, logger, metrics: new FollowerMetrics(new Registry()) };
    return new AssetKeeper(parts, { backoff: { firstMs: 20, maxMs: 40 }, ...options });
  }

  /** Answers its id. */
  async task(...rest: Array<TaskFact | TaskBrief>): Promise<string> {
    const brief = rest.find((each): each is TaskBrief => 'briefId' in each);
    const facts = rest.filter((each): each is TaskFact => 'type' in each);
    const taskId = `task_${newCommandId()}`;
    await this.append(tenantStream('task', TENANT, taskId), NO_STREAM, [
      submitted(taskId, brief),
      ...facts.map((fact) => (brief === undefined || !TAKES_BRIEF.has(fact.type) ? fact : withBrief(fact, brief))),
    ]);
    return taskId;
  }

  async append(stream: string, expectedRevision: number, facts: readonly TaskFact[]): Promise<void> {
    const appended = await this.store.append({
      meta: processMeta(TENANT, 'test', null),
      appends: [
        {
          stream,
          expectedRevision,
          facts: facts.map(({ type, data }) => ({ type, schemaVersion: TASK_FACT_VERSIONS[type], data: data as unknown as JsonObject })),
        },
      ],
    });
    if (!appended.ok) throw new Error(`the append to ${stream} met a conflict`);
  }

  facts(category: 'task' | 'clip', id: string): Promise<StoredFact[]> {
    return this.store.readStream(tenantStream(category, TENANT, id));
  }

  async state(taskId: string): Promise<TaskState> {
    return (await this.facts('task', taskId)).reduce((state, fact) => evolveTask(state, fact as unknown as TaskFact), initialTask());
  }

  async close(): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.stop()));
    await this.store.close();
  }
}

const TAKES_BRIEF = new Set(['TaskCompleted', 'LateResultAccepted']);

function withBrief(fact: TaskFact, { briefId }: TaskBrief): TaskFact {
  return { type: fact.type, data: { ...fact.data, briefId } } as TaskFact;
}

function submitted(taskId: string, brief: TaskBrief | undefined): TaskFact {
  return {
    type: 'TaskSubmitted',
    data: {
      taskId,
      accountId: 'acc_1',
      userId: null,
      model: 'basic',
      family: 'basic',
      provider: 'simulator',
      prompt: null,
      metadata: null,
      ...(brief === undefined ? {} : { brief }),
      parameters: {},
      credits: 70,
      priceVersion: 'basic@1',
      quoteId: null,
      plan: 'pro',
      planVersion: 1,
      accountRevision: 0,
      drawdown: [],
      deadlineAt: AT,
      deadlinePolicy: 'release_now',
      holdUntil: AT,
      decidedAt: AT,
    },
  };
}

export function assetAt(url: string): { url: string; mediaType: string; durationSeconds: string } {
  return { url, mediaType: 'video/mp4', durationSeconds: '5' };
}

export function completed(...urls: string[]): TaskFact {
  return {
    type: 'TaskCompleted',
    data: { attempt: 1, assets: urls.map(assetAt), deliveredFraction: '1', actualDurationSeconds: '5', cost: null, decidedAt: AT },
  };
}

export function timedOut(): TaskFact {
  return { type: 'TaskTimedOut', data: { attempt: 1, deadlineAt: AT, policy: 'release_now', decidedAt: AT } };
}

export function lateResult(policy: 'deliver_free' | 'offer', ...urls: string[]): TaskFact {
  const assets = urls.map(assetAt);
  return {
    type: 'LateResultArrived',
    data: { attempt: 1, outcome: 'succeeded', assets, deliveredFraction: '1', policy, cost: null, decidedAt: AT },
  };
}

export function taken(): TaskFact {
  return { type: 'LateResultAccepted', data: { reservationId: 'r', credits: 70, decidedAt: AT } };
}
