// 5 react · copies the assets of completed tasks and late results before their maker takes them away, and records with each task what became of them.
import { commandIdOf, invariant, keyDigest, unreachable } from '#libs/kernel';
import type { AssetKeeping } from '#libs/assets';
import {
  SessionsOverloaded,
  EventStoreUnavailable,
  type CommandMeta,
  type EventStore,
  type Sessions,
  type StoredFact,
} from '#libs/event-store';
import { Backoff, pause } from '#libs/messaging';
import type { Config, Lease } from '#libs/platform';
import { decideTask, type Asset, type StoredAsset, type TaskCommand, type TaskState, type UnstoredAsset } from '#libs/tasks';
import type { Logger } from 'pino';
import { Alarm } from '../alarm.js';
import { newFact } from '../task-act.js';
import { ORCHESTRATOR_ACTOR } from '../task-reactions.js';
import type { AssetCopy, AssetQueue, WantedAsset } from './asset-queue.postgres.js';
import type { RowsOfPage } from './follower-checkpoint.postgres.js';
import type { FollowerMetrics } from './follower.metrics.js';
import { Gathering, Semaphore } from './gathering.js';
import type { Reaction } from './log-follower.js';

export interface AssetKeeperParts {
  store: Pick<EventStore, 'readStreams'>;
  sessions: Sessions<TaskState>;
  queue: AssetQueue;
  assets: AssetKeeping;
  keep: Config['assetsKeep'];
  logger: Logger;
  metrics: FollowerMetrics;
}

export interface AssetKeeperOptions {
  copiesAtOnceMax?: number;
  triesMax?: number;
  backoff?: { firstMs: number; maxMs: number };
}

const COPIES_AT_ONCE_MAX = 16;
/** Taken up: copied, or copied and on the way to the log. */
const IN_HAND_MAX = 256;
/** With the delays below, somewhat over two hours: what a vendor gives out is to be had for about that long. */
const TRIES_MAX = 20;
const BACKOFF = { firstMs: 1_000, maxMs: 600_000 };
const LOOK_EVERY_MS = 500;
const TROUBLE_PAUSE_MS = 250;

export class AssetKeeper implements Reaction {
  readonly name = 'assets';
  readonly filter = { streamPrefixes: ['task-'], types: ['TaskCompleted', 'LateResultArrived'] };
  /** What a vendor keeps for hours can wait: every portion is a transaction, a read, and a write to the log. */
  readonly pauseMs = 250;
  readonly #arrivals = new Alarm();
  readonly #inHand = new Set<string>();

  constructor(
    private readonly parts: AssetKeeperParts,
    private readonly options: AssetKeeperOptions = {},
  ) {}

  // ── From the log to the queue ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async take(facts: readonly StoredFact[]): Promise<RowsOfPage | null> {
    const wanted = facts.filter((fact) => assetsOf(fact).length > 0);
    const copies = (await this.#toKeep(wanted)).map(copyOf);
    return copies.length === 0 ? null : (client) => this.parts.queue.put(client, copies);
  }

  seen(): void {
    this.#arrivals.ring();
  }

  figures(): Record<string, number> {
    return { copying: this.#inHand.size };
  }

  async #toKeep(facts: readonly StoredFact[]): Promise<readonly StoredFact[]> {
    switch (this.parts.keep) {
      case 'all':
        return facts;
      case 'none':
        return [];
      case 'briefs': {
        // A late result does not name its task's brief: the task's first fact does.
        const late = facts.filter(({ type }) => type === 'LateResultArrived').map(({ stream }) => stream);
        const first = late.length === 0 ? new Map<string, StoredFact[]>() : await this.parts.store.readStreams(late, { limitPerStream: 1 });
        return facts.filter((fact) => fact.data['briefId'] !== undefined || first.get(fact.stream)?.[0]?.data['brief'] !== undefined);
      }
      default:
        return unreachable(this.parts.keep, 'ASSETS_KEEP');
    }
  }

  // ── From the queue to the storage and the log ─────────────────────────────────────────────────────────────────────────────────────

  /** Only the follower's owner copies, so whoever takes over goes on with every row at once. */
  async work(lease: Lease, signal: AbortSignal): Promise<void> {
    const ring = (): void => this.#arrivals.ring();
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    signal.addEventListener('abort', ring, { once: true });
    const underWay = new Set<Promise<void>>();
    const places = new Semaphore(this.options.copiesAtOnceMax ?? COPIES_AT_ONCE_MAX);
    const records = new Gathering<AssetCopy>((copies) => this.#record(copies, lease));
    try {
      while (!signal.aborted) {
        const copies = this.#inHand.size >= IN_HAND_MAX / 2 ? [] : await this.#next();
        for (const copy of copies) {
          this.#inHand.add(keyOf(copy));
          const done: Promise<void> = this.#copy(copy, places, records, both).finally(() => {
            this.#inHand.delete(keyOf(copy));
            underWay.delete(done);
            if (this.#inHand.size < IN_HAND_MAX / 2) ring();
          });
          underWay.add(done);
        }
        if (copies.length === 0) await this.#arrivals.wait(LOOK_EVERY_MS);
      }
    } finally {
      signal.removeEventListener('abort', ring);
      // Also where it ends for a failure: nobody waits for a slow vendor then.
      ended.abort();
      await Promise.all(underWay);
    }
  }

  async #next(): Promise<AssetCopy[]> {
    // As of before the rows are read: one that is done with meanwhile would look as if nobody had it.
    const inHand = new Set(this.#inHand);
    const due = await this.parts.queue.due(IN_HAND_MAX + inHand.size);
    return due.filter((copy) => !inHand.has(keyOf(copy))).slice(0, IN_HAND_MAX);
  }

  /** Never rejects: a row that could not be done with is due again. */
  async #copy(copy: AssetCopy, places: Semaphore, records: Gathering<AssetCopy>, signal: AbortSignal): Promise<void> {
    const { logger, queue } = this.parts;
    try {
      const isLastTry = copy.tries + 1 >= (this.options.triesMax ?? TRIES_MAX);
      const troubles: string[] = [];
      await Promise.all(
        copy.assets.map(async (asset) => {
          if (asset.outcome !== null) return;
          const trouble = await places.with(() => this.#keep(copy.tenant, asset, isLastTry, signal), signal);
          if (trouble !== null) troubles.push(trouble);
        }),
      );
      if (signal.aborted && copy.assets.some(({ outcome }) => outcome === null)) return;
      if (troubles.length > 0) {
        copy.tries += 1;
        await queue.tryAgain(copy, this.#delayMs(copy.tries), troubles.join('; '));
      } else await records.add(copy);
    } catch (error) {
      if (signal.aborted) return;
      if (!isStoreAway(error))
        logger.error({ err: error, stream: copy.stream }, 'what became of an asset could not be recorded; it is tried again');
      await pause(TROUBLE_PAUSE_MS, signal);
    }
  }

  /** Answers why it is to be tried again; null where its outcome is known. */
  async #keep(tenant: string, asset: WantedAsset, isLastTry: boolean, signal: AbortSignal): Promise<string | null> {
    const { assets, metrics } = this.parts;
    const answer = await assets.keep(tenant, asset.sourceUrl, { mediaType: asset.mediaType, signal });
    if (answer.kept) {
      const { url, mediaType, sha256, bytes, durationSeconds, width, height } = answer.asset;
      asset.outcome = { kept: { url, mediaType, sha256, bytes, durationSeconds, width, height } };
      metrics.onCopy('stored');
      return null;
    }
    // Broken off because this process stops, or is not the owner any more.
    if (signal.aborted) return 'interrupted';
    const { code, detail, retryable } = answer.failure;
    if (retryable && !isLastTry) {
      metrics.onCopy('tried_again');
      return `${code}: ${detail}`;
    }
    asset.outcome = { gaveUp: { code, detail } };
    metrics.onCopy('given_up');
    return null;
  }

  #delayMs(tries: number): number {
    const { firstMs, maxMs } = this.options.backoff ?? BACKOFF;
    return new Backoff({ firstMs: Math.min(maxMs, firstMs * 2 ** Math.min(tries - 1, 20)), maxMs }).next();
  }

  /** Those that were copied about the same time: their streams are read, and their facts written, together. */
  async #record(copies: readonly AssetCopy[], lease: Lease): Promise<void> {
    invariant(lease.held(), 'another process copies by now');
    await Promise.all(copies.map((copy) => this.#write(copy)));
    await this.parts.queue.remove(copies);
  }

  async #write(copy: AssetCopy): Promise<void> {
    const { sessions } = this.parts;
    const command = commandOf(copy);
    const outcome = await sessions.execute<null>(copy.stream, metaOf(copy), (state, at) => {
      const decision = decideTask(state, command, at);
      if (Array.isArray(decision)) return { facts: decision.map(newFact), result: () => null };
      return 'unchanged' in decision ? { unchanged: true, result: null } : decision;
    });
    invariant(outcome.kind === 'appended' || outcome.kind === 'unchanged', () => `the assets of ${copy.stream} ended as ${outcome.kind}`);
    // Of most tasks this is the last that anybody hears.
    sessions.release(copy.stream);
  }
}

function assetsOf(fact: StoredFact): Asset[] {
  return fact.data['assets'] as unknown as Asset[];
}

function copyOf(fact: StoredFact): AssetCopy {
  const { stream, revision, tenant, id: eventId, correlationId } = fact;
  const late = fact.type === 'LateResultArrived';
  const assets = assetsOf(fact).map(({ url, mediaType }, index) => ({ index, late, sourceUrl: url, mediaType, outcome: null }));
  return { stream, revision, tenant, eventId, correlationId, assets, tries: 0 };
}

function keyOf({ stream, revision }: AssetCopy): string {
  return `${stream} ${revision}`;
}

function commandOf({ assets }: AssetCopy): TaskCommand {
  const stored: StoredAsset[] = [];
  const notStored: UnstoredAsset[] = [];
  for (const { index, late, sourceUrl, outcome } of assets) {
    invariant(outcome !== null, 'an asset without an outcome is not recorded');
    if ('kept' in outcome) stored.push({ index, late, sourceUrl, ...outcome.kept });
    else notStored.push({ index, late, sourceUrl, ...outcome.gaveUp });
  }
  return { type: 'RecordAssets', stored, notStored };
}

/** The same row is the same command, so that an append repeated is recognised. */
function metaOf({ tenant, stream, revision, eventId, correlationId }: AssetCopy): CommandMeta {
  const commandId = commandIdOf(keyDigest(tenant, '', `assets ${stream} ${revision}`));
  return { commandId, tenant, actor: ORCHESTRATOR_ACTOR, correlationId, causationId: eventId, requestHash: null };
}

function isStoreAway(error: unknown): boolean {
  return error instanceof EventStoreUnavailable || error instanceof SessionsOverloaded;
}
