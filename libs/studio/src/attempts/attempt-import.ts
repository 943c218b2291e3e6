// 1 → 3 · imports a log of attempts while it arrives: one stream per line, appended in batches, so that nothing is kept but what is under way; called by the API.
import { newCommandId, toIso, type Clock } from '#libs/kernel';
import {
  NO_STREAM,
  POSITION_START,
  tenantStream,
  type AppendResult,
  type EventStore,
  type NewFact,
  type Position,
} from '#libs/event-store';
import { CLIP_FACT_VERSIONS, type ImportedAttempt } from '../clip/clip.facts.js';
import type { AttemptLineError, RejectedAttempt } from './attempt-line.js';
import { readAttemptLog } from './attempt-log.js';
import { attemptContent } from './seen-attempts.js';

export interface AttemptUpload {
  tenant: string;
  /** The API key's id: whoever imports an attempt answers for it. */
  actor: string;
  correlationId: string;
  causationId: string | null;
  body: AsyncIterable<Uint8Array>;
}

export interface AttemptImportView {
  accepted: number;
  /** The same id with the same content stood there already. */
  duplicates: number;
  /** By line; of many the first 10,000. */
  rejected: RejectedAttempt[];
  rejectedCount: number;
  /** Where a read model shows all of it: of the last attempt that was written or found. */
  position: Position;
}

export const REJECTED_ATTEMPTS_SHOWN_MAX = 10_000;
/** The store writes about as many facts in one transaction. */
const LINES_PER_BATCH = 500;
const BATCHES_UNDER_WAY_MAX = 4;

interface ImportLine {
  line: number;
  attempt: ImportedAttempt;
}

/** What stands under an id: an attempt of the log, or something that was made here. */
type Standing = { attempt: ImportedAttempt; position: Position } | 'native';

export class AttemptImport {
  constructor(
    private readonly store: Pick<EventStore, 'append' | 'headsOf' | 'readStreams'>,
    private readonly clock: Clock,
  ) {}

  /**
   * Throws what the body throws, and EventStoreUnavailable: what was accepted until then stands, and the same log sent again is the way on.
   */
  async run(upload: AttemptUpload): Promise<AttemptImportView> {
    const run = new ImportRun(upload, this.store, this.clock);
    let batch: ImportLine[] = [];
    try {
      for await (const lines of readAttemptLog(upload.body)) {
        for (const read of lines) {
          if ('errors' in read) run.reject(read);
          else batch.push(read);
        }
        if (batch.length < LINES_PER_BATCH) continue;
        await run.take(batch);
        batch = [];
      }
    } catch (error) {
      // The lines that had arrived whole are taken in all the same.
      await run.take(batch).catch(() => undefined);
      await run.end().catch(() => undefined);
      throw error;
    }
    await run.take(batch);
    return run.end();
  }
}

class ImportRun {
  readonly #view: AttemptImportView = { accepted: 0, duplicates: 0, rejected: [], rejectedCount: 0, position: POSITION_START };
  readonly #underWay = new Set<Promise<void>>();
  #failure: { error: unknown } | null = null;
  /** Settles when the batches before have handed their appends to the store, which writes a stream in the order of the calls: of two lines with one id the first counts. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly upload: AttemptUpload,
    private readonly store: Pick<EventStore, 'append' | 'headsOf' | 'readStreams'>,
    private readonly clock: Clock,
  ) {}

  reject(line: RejectedAttempt): void {
    this.#view.rejectedCount += 1;
    if (this.#view.rejected.length < REJECTED_ATTEMPTS_SHOWN_MAX) this.#view.rejected.push(line);
  }

  /** Returns when another batch may come. */
  async take(batch: readonly ImportLine[]): Promise<void> {
    for (let start = 0; start < batch.length; start += LINES_PER_BATCH) {
      while (this.#underWay.size >= BATCHES_UNDER_WAY_MAX) await Promise.race(this.#underWay);
      this.#throwFailure();
      const work: Promise<void> = this.#batch(batch.slice(start, start + LINES_PER_BATCH))
        .catch((error: unknown) => {
          this.#failure ??= { error };
        })
        .finally(() => this.#underWay.delete(work));
      this.#underWay.add(work);
    }
  }

  async end(): Promise<AttemptImportView> {
    await Promise.all(this.#underWay);
    this.#throwFailure();
    this.#view.rejected.sort((a, b) => a.line - b.line);
    return this.#view;
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  #batch(lines: readonly ImportLine[]): Promise<void> {
    const byId = new Map<string, ImportLine[]>();
    for (const line of lines) {
      const same = byId.get(line.attempt.id);
      if (same === undefined) byId.set(line.attempt.id, [line]);
      else same.push(line);
    }
    const known = this.#known([...byId.keys()]);
    const submitted = this.#turn.then(async () => {
      const { taken } = await known;
      const fresh = [...byId].filter(([id]) => !taken.has(id)).map(([, [first]]) => first as ImportLine);
      // A list of promises inside an object, for the turn ends when they are handed over, not when they are written.
      return { fresh, outcomes: fresh.map((line) => this.#append(line)) };
    });
    this.#turn = submitted.catch(() => undefined);
    return submitted.then(async ({ fresh, outcomes }) => this.#judge(byId, await known, fresh, await Promise.allSettled(outcomes)));
  }

  /** Which ids are taken: by a clip, or by a task here whose clip comes to have the id, or whose attempt has. */
  async #known(ids: readonly string[]): Promise<{ taken: Set<string>; native: Set<string> }> {
    const tasks = new Map(ids.flatMap((id) => ofTask(this.upload.tenant, id)));
    const heads = await this.store.headsOf([...ids.map((id) => this.#stream(id)), ...tasks.keys()]);
    const exists = (stream: string): boolean => (heads.get(stream) ?? NO_STREAM) !== NO_STREAM;
    const native = new Set([...tasks].filter(([stream]) => exists(stream)).map(([, id]) => id));
    return { taken: new Set(ids.filter((id) => native.has(id) || exists(this.#stream(id)))), native };
  }

  #append({ attempt }: ImportLine): Promise<AppendResult> {
    const { tenant, actor, correlationId, causationId } = this.upload;
    const data = { clipId: attempt.id, attempt: { ...attempt }, person: actor, decidedAt: toIso(this.clock.now()) };
    const fact: NewFact = { type: 'AttemptImported', schemaVersion: CLIP_FACT_VERSIONS.AttemptImported, data };
    return this.store.append({
      meta: { commandId: newCommandId(), tenant, actor, correlationId, causationId, requestHash: null },
      appends: [{ stream: this.#stream(attempt.id), expectedRevision: NO_STREAM, facts: [fact] }],
    });
  }

  async #judge(
    byId: ReadonlyMap<string, ImportLine[]>,
    { native }: { native: ReadonlySet<string> },
    fresh: readonly ImportLine[],
    outcomes: ReadonlyArray<PromiseSettledResult<AppendResult>>,
  ): Promise<void> {
    const standing = new Map<string, Standing>([...native].map((id) => [id, 'native']));
    const written = new Set<ImportLine>();
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'rejected' || !outcome.value.ok) return;
      const line = fresh[index] as ImportLine;
      written.add(line);
      this.#view.accepted += 1;
      standing.set(line.attempt.id, { attempt: line.attempt, position: outcome.value.position });
    });
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await this.#readOthers([...byId.keys()], standing);
    for (const lines of byId.values()) for (const line of lines) if (!written.has(line)) this.#compare(line, standing.get(line.attempt.id));
    for (const found of standing.values())
      if (found !== 'native' && found.position > this.#view.position) this.#view.position = found.position;
  }

  async #readOthers(ids: readonly string[], standing: Map<string, Standing>): Promise<void> {
    const others = ids.filter((id) => !standing.has(id));
    if (others.length === 0) return;
    const found = await this.store.readStreams(
      others.map((id) => this.#stream(id)),
      { limitPerStream: 1 },
    );
    for (const id of others) {
      const first = found.get(this.#stream(id))?.[0];
      const isOfLog = first?.type === 'AttemptImported';
      standing.set(id, isOfLog ? { attempt: first.data['attempt'] as unknown as ImportedAttempt, position: first.position } : 'native');
    }
  }

  #compare({ line, attempt }: ImportLine, standing: Standing | undefined): void {
    if (standing !== undefined && standing !== 'native' && attemptContent(attempt) === attemptContent(standing.attempt)) {
      this.#view.duplicates += 1;
      return;
    }
    const detail = standing === 'native' ? 'is the id of a generation that was made here' : 'stands in the log with other content';
    const error: AttemptLineError = { field: 'id', code: 'already_exists', detail };
    this.reject({ line, id: attempt.id, errors: [error] });
  }

  #stream(id: string): string {
    return tenantStream('clip', this.upload.tenant, id);
  }
}

const OF_TASK = /^(?:task|clip)_([0-9a-f]{32})$/;

/** The stream of the task that an id of ours would be of, with the id. */
function ofTask(tenant: string, id: string): Array<[string, string]> {
  const hex = OF_TASK.exec(id)?.[1];
  return hex === undefined ? [] : [[tenantStream('task', tenant, `task_${hex}`), id]];
}
