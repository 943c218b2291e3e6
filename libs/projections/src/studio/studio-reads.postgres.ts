// query · everything that the API reads of the studio, answered from projected rows; provided as STUDIO_READS by projections.module.ts.
import type pg from 'pg';
import type { CustomerKeys } from '#libs/event-store';
import type { AttemptFilter, BenchmarkView, ReportGroup, StudioReads, StudioVisibility } from '#libs/studio';
import { attemptCells } from './attempts/cells.query.postgres.js';
import { ClipQueries } from './attempts/clips.query.postgres.js';
import { attemptRecords } from './attempts/log.query.postgres.js';
import { BriefQueries } from './briefs/query.postgres.js';

type AnswerOf<Name extends keyof StudioReads> = ReturnType<StudioReads[Name]>;

export class PostgresStudioReads implements StudioReads {
  readonly #briefs: BriefQueries;
  readonly #clips: ClipQueries;

  constructor(
    private readonly pool: pg.Pool,
    keys: CustomerKeys,
  ) {
    this.#briefs = new BriefQueries(pool, keys);
    this.#clips = new ClipQueries(pool, keys);
  }

  briefs(who: StudioVisibility, query: Parameters<StudioReads['briefs']>[1]): AnswerOf<'briefs'> {
    return this.#briefs.briefs(who, query);
  }

  brief(who: StudioVisibility, briefId: string): AnswerOf<'brief'> {
    return this.#briefs.brief(who, briefId);
  }

  prompts(who: StudioVisibility, query: Parameters<StudioReads['prompts']>[1]): AnswerOf<'prompts'> {
    return this.#briefs.prompts(who, query);
  }

  prompt(who: StudioVisibility, promptId: string): AnswerOf<'prompt'> {
    return this.#briefs.prompt(who, promptId);
  }

  clips(who: StudioVisibility, query: Parameters<StudioReads['clips']>[1]): AnswerOf<'clips'> {
    return this.#clips.clips(who, query);
  }

  clip(who: StudioVisibility, clipId: string): AnswerOf<'clip'> {
    return this.#clips.clip(who, clipId);
  }

  figures(who: StudioVisibility, clipId: string): AnswerOf<'figures'> {
    return this.#clips.figures(who, clipId);
  }

  reviewQueue(who: StudioVisibility, query: Parameters<StudioReads['reviewQueue']>[1]): AnswerOf<'reviewQueue'> {
    return this.#clips.reviewQueue(who, query);
  }

  benchmarks(tenant: string): AnswerOf<'benchmarks'> {
    return this.#briefs.benchmarks(tenant);
  }

  async benchmark(tenant: string, name: string): Promise<BenchmarkView | null> {
    return (await this.#briefs.benchmarks(tenant, name))[0] ?? null;
  }

  cells(who: StudioVisibility, filter: AttemptFilter, groupBy: ReportGroup | null): AnswerOf<'cells'> {
    return attemptCells(this.pool, who, filter, groupBy);
  }

  attempts(who: StudioVisibility, filter: AttemptFilter): AnswerOf<'attempts'> {
    return attemptRecords(this.pool, who, filter);
  }
}
