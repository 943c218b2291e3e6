// 4 project · decides what is read, folded and written next, for every read model version at once; run by apps/projector under a lease.
import type pg from 'pg';
import { type EventStore, type LogPage, type Position, type StoredFact } from '#libs/event-store';
import { type Lease, type LeasedWork, runUnderLease } from '#libs/platform';
import { BatchWriter, FencedOut } from './batch-writer.postgres.js';
import { FoldFailed, isOfTheFact } from './failure.js';
import type { ProjectionProgress } from './progress.js';
import type { Projection, ReadModel, Statement } from './read-model.port.js';
import { ProjectionRegistry, type VersionRow } from './registry.postgres.js';

export const PROJECTOR_LEASE = 'projector';

/** What read models are made of; other streams only move the checkpoint. */
const STREAM_PREFIXES = ['account-', 'task-', 'periods-', 'billing-', 'brief-', 'prompt-', 'clip-', 'benchmark-'] as const;

export interface EngineOptions {
  batchSizeMax?: number;
  /**
   * The least time between the beginnings of two batches that are not full: small batches cost as much as middling ones, and a task whose
   * whole life falls into one batch is written once. What comes after a rest is projected at once.
   */
  gatherMs?: number;
  /** How long to sleep when nothing wakes us. */
  pollMs?: number;
  /** How often to look for versions that somebody else registered, switched or dropped. */
  registryMs?: number;
  leaseTtlMs?: number;
  onError?: (error: Error) => void;
  onBatch?: (batch: { versions: number; facts: number; tookMs: number }) => void;
}

/** One version being projected. */
interface Running {
  row: VersionRow;
  model: ReadModel;
  projection: Projection;
  /** Set once a fact could not be applied: left alone until the next start. */
  stopped: boolean;
}

export class ProjectionEngine {
  readonly registry: ProjectionRegistry;
  readonly #batchSizeMax: number;
  readonly #gatherMs: number;
  readonly #pollMs: number;
  readonly #registryMs: number;
  #work: LeasedWork | null = null;
  #running: Running[] = [];
  #wake: () => void = () => undefined;
  #woken = false;
  #ahead: { after: Position; page: Promise<LogPage> } | null = null;

  constructor(
    private readonly store: EventStore,
    private readonly pool: pg.Pool,
    private readonly models: readonly ReadModel[],
    private readonly progress: ProjectionProgress,
    private readonly options: EngineOptions = {},
  ) {
    this.registry = new ProjectionRegistry(pool);
    this.#batchSizeMax = options.batchSizeMax ?? 1_000;
    this.#gatherMs = options.gatherMs ?? 20;
    this.#pollMs = options.pollMs ?? 500;
    this.#registryMs = options.registryMs ?? 500;
  }

  start(): void {
    if (this.#work !== null) return;
    this.#work = runUnderLease(this.pool, PROJECTOR_LEASE, (lease, signal) => this.#lead(lease, signal), {
      ...(this.options.leaseTtlMs === undefined ? {} : { ttlMs: this.options.leaseTtlMs }),
      onError: (error) => this.options.onError?.(error),
    });
  }

  async stop(): Promise<void> {
    const work = this.#work;
    this.#work = null;
    await work?.stop();
  }

  /** Whether this process projects now. */
  leads(): boolean {
    return this.#work?.held() ?? false;
  }

  /**
   * Builds a new version of a read model from the log's start, beside the active one. Whichever engine leads does the work and, unless told
   * otherwise, switches it in once it stands where the active one stands. Answers the version's number.
   */
  async buildVersion(name: string, options: { switchWhenLevel?: boolean } = {}): Promise<number> {
    await this.registry.ensure(this.models);
    const version = await this.registry.build(this.#model(name), options.switchWhenLevel ?? true);
    this.#rouse();
    return version;
  }

  /** Removes a version that does not serve. */
  async dropVersion(name: string, version: number): Promise<boolean> {
    return this.registry.drop(this.#model(name), version);
  }

  #model(name: string): ReadModel {
    const model = this.models.find((candidate) => candidate.name === name);
    if (model === undefined) throw new Error(`there is no read model ${name}: there are ${this.models.map((one) => one.name).join(', ')}`);
    return model;
  }

  async #lead(lease: Lease, signal: AbortSignal): Promise<void> {
    await this.registry.ensure(this.models);
    this.#running = [];
    const writer = await BatchWriter.connect(this.pool);
    const stopListening = this.store.onAppended(() => this.#rouse());
    const rouse = (): void => this.#rouse();
    signal.addEventListener('abort', rouse);
    this.progress.lead(true);
    try {
      let loadedAtMs = -Infinity;
      while (!signal.aborted) {
        if (performance.now() - loadedAtMs >= this.#registryMs) {
          await this.#loadVersions();
          loadedAtMs = performance.now();
        }
        const startedAtMs = performance.now();
        const { busy, full } = await this.#round(writer, lease);
        if (await this.#switchLevel()) loadedAtMs = -Infinity;
        if (!busy) await this.#sleep(signal, this.#pollMs);
        else if (!full) await pause(this.#gatherMs - (performance.now() - startedAtMs));
      }
    } catch (error) {
      // What was folded may not be what stands there, so all of it is loaded anew. Being fenced out is what a pause comes to, no failure.
      if (!(error instanceof FencedOut)) throw error;
    } finally {
      this.progress.lead(false);
      stopListening();
      signal.removeEventListener('abort', rouse);
      this.#ahead = null;
      this.#running = [];
      await writer.close();
    }
  }

  /** Takes up versions that were registered since, leaves those that were retired or belong to other code. */
  async #loadVersions(): Promise<void> {
    const rows = await this.registry.versions();
    const running: Running[] = [];
    for (const row of rows) {
      const model = this.models.find((candidate) => candidate.name === row.name);
      if (model === undefined || model.codeVersion !== row.codeVersion || row.state === 'retired') continue;
      const known = this.#running.find((one) => one.row.name === row.name && one.row.version === row.version);
      if (known !== undefined && known.row.position === row.position) running.push({ ...known, row });
      else running.push({ row, model, projection: model.open(row.version), stopped: false });
    }
    this.#running = running;
    this.#tellProgress(rows);
  }

  /** One page for every group of versions that stand at one position, the foremost group first so that a build delays nobody. */
  async #round(writer: BatchWriter, lease: Lease): Promise<{ busy: boolean; full: boolean }> {
    const live = this.#running.filter((one) => !one.stopped);
    const positions = [...new Set(live.map((one) => one.row.position))].sort().reverse();
    let busy = false;
    let full = false;
    for (const [index, position] of positions.entries()) {
      const group = live.filter((one) => one.row.position === position);
      const page = cutAt(await this.#read(position), positions[index - 1]);
      if (page.position === position) continue;
      busy = true;
      full ||= !page.atEnd;
      if (!page.atEnd && positions.length === 1) this.#readAhead(page.position);
      await this.#apply(writer, lease, group, page.facts, page.position);
    }
    return { busy, full };
  }

  async #read(after: Position): Promise<LogPage> {
    const ahead = this.#ahead;
    this.#ahead = null;
    return ahead?.after === after ? ahead.page : this.#readPage(after);
  }

  /** The next page is read while this one is written. */
  #readAhead(after: Position): void {
    const page = this.#readPage(after);
    page.catch(() => undefined);
    this.#ahead = { after, page };
  }

  #readPage(after: Position): Promise<LogPage> {
    return this.store.readAll({ after, limit: this.#batchSizeMax, streamPrefixes: STREAM_PREFIXES });
  }

  /**
   * Rows and checkpoints of a group in one transaction. If a fact cannot be applied, each version goes on by itself, and the one that
   * cannot halves the batch until it stands just before that fact; there it stops and says so.
   */
  async #apply(writer: BatchWriter, lease: Lease, group: readonly Running[], facts: readonly StoredFact[], to: Position): Promise<void> {
    try {
      const startedAtMs = performance.now();
      await this.#applyAtOnce(writer, lease, group, facts, to);
      this.options.onBatch?.({ versions: group.length, facts: facts.length, tookMs: performance.now() - startedAtMs });
    } catch (error) {
      for (const one of group) one.projection.aborted();
      if (!isOfTheFact(error)) throw error;
      const [only, ...others] = group;
      if (only === undefined) throw error;
      if (others.length > 0) {
        for (const one of group) await this.#apply(writer, lease, [one], facts, to);
      } else if (facts.length > 1) {
        const half = facts.length >> 1;
        const middle = (facts[half - 1] as StoredFact).position;
        await this.#apply(writer, lease, group, facts.slice(0, half), middle);
        if (!only.stopped) await this.#apply(writer, lease, group, facts.slice(half), to);
      } else {
        await this.#stopAt(only, facts[0], error as Error);
      }
    }
  }

  async #applyAtOnce(
    writer: BatchWriter,
    lease: Lease,
    group: readonly Running[],
    facts: readonly StoredFact[],
    to: Position,
  ): Promise<void> {
    const from = (group[0] as Running).row.position;
    const statements: Statement[] = [];
    if (facts.length > 0) {
      await Promise.all(group.map((one) => one.projection.load(facts, (statement) => writer.read(statement))));
      for (const one of group) {
        statements.push(...foldBatch(one.projection, facts, to));
      }
    }
    if (!lease.held()) throw new FencedOut('the lease ran out before the batch was written');
    await writer.write(statements, { versions: group.map((one) => one.row), from, to, lease: PROJECTOR_LEASE, token: lease.token });
    for (const one of group) {
      one.row.position = to;
      if (facts.length > 0) one.projection.committed();
    }
    this.#tellProgress(this.#running.map((one) => one.row));
  }

  async #stopAt(one: Running, fact: StoredFact | undefined, error: Error): Promise<void> {
    if (fact === undefined) throw error;
    one.stopped = true;
    const failure = { position: fact.position, eventId: fact.id, error: error.message };
    // A version that was dropped under our hands has no tables any more, which is no failure of a fact's.
    if (!(await this.registry.recordFailure(one.row, failure))) return;
    this.options.onError?.(
      new Error(`read model ${one.row.name}_v${one.row.version} stopped at ${fact.position} (${fact.id}): ${error.message}`, {
        cause: error,
      }),
    );
  }

  /** Switches in what was built and has caught up. */
  async #switchLevel(): Promise<boolean> {
    let switched = false;
    for (const one of this.#running) {
      if (one.row.state !== 'building' || !one.row.switchWhenLevel || one.stopped) continue;
      const active = this.#running.find((other) => other.row.name === one.row.name && other.row.state === 'active');
      // An active version of older code stands still, and is overtaken rather than met: then the log's end is the mark.
      const level =
        active === undefined || active.stopped ? (await this.store.head()) <= one.row.position : active.row.position <= one.row.position;
      if (level) switched = (await this.registry.switchTo(one.model, one.row.version)) || switched;
    }
    return switched;
  }

  /** Versions of other code count too, as far as the registry tells of them. */
  #tellProgress(rows: readonly VersionRow[]): void {
    const active = rows.filter((row) => row.state === 'active');
    if (active.length < this.models.length) return;
    this.progress.reached(active.reduce((least, row) => (row.position < least ? row.position : least), (active[0] as VersionRow).position));
  }

  #rouse(): void {
    this.#woken = true;
    this.#wake();
  }

  async #sleep(signal: AbortSignal, timeMs: number): Promise<void> {
    if (!this.#woken && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = () => undefined;
    this.#woken = false;
  }
}

function foldBatch(projection: Projection, facts: readonly StoredFact[], to: Position): Statement[] {
  try {
    projection.fold(facts);
    return projection.write(to);
  } catch (error) {
    throw new FoldFailed((error as Error).message, { cause: error });
  }
}

/** Ends a page where the group ahead stands, so that the two become one group. */
function cutAt(page: LogPage, position: Position | undefined): LogPage {
  if (position === undefined || page.position <= position) return page;
  return { facts: page.facts.filter((fact) => fact.position <= position), position, atEnd: false };
}

async function pause(timeMs: number): Promise<void> {
  if (timeMs > 0.5) await new Promise((resolve) => setTimeout(resolve, timeMs));
}
