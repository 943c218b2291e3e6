// Briefs, generations and their reviews over a world of accounts and tasks; used by the specs of the studio's read models.
import { type JsonObject, toIso } from '#libs/kernel';
import { tenantStream } from '#libs/event-store';
import { billingNewFact, billingStream } from '#libs/finance';
import {
  BENCHMARK_FACT_VERSIONS,
  BRIEF_FACT_VERSIONS,
  type BriefFact,
  CLIP_FACT_VERSIONS,
  clipGeneratedFacts,
  type ClipFact,
  clipIdOf,
  type ClipState,
  evolveClip,
  type ImportedAttempt,
  type MOVE_FACTS,
  type MoveData,
  PROMPT_FACT_VERSIONS,
  type PromptFact,
  promptVersionId,
  type ReviewState,
} from '#libs/studio';
import type { TaskBrief } from '#libs/tasks';
import type { World } from './world.js';

type BriefTerms = Partial<Extract<BriefFact, { type: 'BriefCreated' }>['data']>;

const VERSIONS: Readonly<Record<string, number>> = {
  ...{ ...BRIEF_FACT_VERSIONS, ...CLIP_FACT_VERSIONS, ...PROMPT_FACT_VERSIONS, ...BENCHMARK_FACT_VERSIONS },
};

export class StudioWorld {
  readonly clips = new Map<string, ClipState>();
  #lines = 0;

  constructor(readonly world: World) {}

  get now(): string {
    return toIso(this.world.clock.at);
  }

  async brief(briefId: string, terms: BriefTerms = {}, sealed?: string): Promise<void> {
    const data = {
      ...{ briefId, accountId: null, channel: 'instagram_reel', format: 'social_broll', durationSeconds: '6' },
      ...{
        goal: { $erasable: 'goal' },
        mustInclude: null,
        mustAvoid: null,
        riskLevel: 'low',
        consistencyRequirement: 'low',
        campaign: null,
      },
      ...{ paid: false, sensitiveCategories: [], attemptBudget: null, gates: [], autoReview: false, decidedAt: this.now },
      ...terms,
    };
    await this.say('brief', briefId, [{ type: 'BriefCreated', data } as unknown as BriefFact], sealed);
  }

  /** Facts of the studio on a stream of theirs. */
  async say(
    category: 'brief' | 'prompt' | 'clip' | 'benchmark',
    id: string,
    facts: ReadonlyArray<BriefFact | PromptFact | ClipFact | { type: 'BenchmarkSet'; data: object }>,
    sealed?: string,
  ): Promise<void> {
    const stored = facts.map(({ type, data }) => ({
      ...{ type, schemaVersion: VERSIONS[type] as number, data: data as unknown as JsonObject },
      ...(sealed !== undefined && { sealed }),
    }));
    await this.world.write(tenantStream(category, this.world.tenant, id), stored);
  }

  taskBrief(briefId: string, prompt: { promptId: string; version: number } | null = null): TaskBrief {
    const promptId = prompt?.promptId ?? null;
    const promptVersion = prompt?.version ?? null;
    const version = prompt === null ? null : promptVersionId(prompt.promptId, prompt.version);
    return { briefId, briefRevision: 0, promptId, promptVersion, promptVersionId: version, budgeted: false, autoReview: false };
  }

  /** As the maker of clips does once the task has completed; its id. */
  async clip(taskId: string, brief: TaskBrief): Promise<string> {
    const state = this.world.tasks.get(taskId)?.state;
    if (state === undefined) throw new Error(`no task ${taskId}`);
    const asset = { url: `https://assets.test/${taskId}.mp4`, mediaType: 'video/mp4', durationSeconds: '5' };
    const { accountId, model } = state;
    const clipId = clipIdOf(taskId);
    await this.fold(clipId, clipGeneratedFacts({ taskId, accountId, brief, model, asset, at: this.world.clock.at }));
    return clipId;
  }

  async import(attempt: ImportedAttempt): Promise<void> {
    await this.fold(attempt.id, [{ type: 'AttemptImported', data: { clipId: attempt.id, attempt, person: 'key_1', decidedAt: this.now } }]);
  }

  /** As decided elsewhere: nothing is checked. */
  async move(clipId: string, to: ReviewState, said: Partial<MoveData> = {}, sealed?: string): Promise<void> {
    const clip = this.clips.get(clipId);
    if (clip === undefined) throw new Error(`no clip ${clipId}`);
    const { accountId, taskId, briefId, state: from } = clip;
    const data = {
      ...{ clipId, accountId, taskId, briefId, from, to, reasons: [], note: null, person: 'key_1', gates: [], scheduledAt: null },
      ...{ reviewMinutes: '0', brandReviewMinutes: '0', editingMinutes: '0', publishedUrl: null, decidedAt: this.now },
      ...said,
    } as MoveData;
    await this.fold(clipId, [{ type: moveFact(to), data }], sealed);
  }

  async fold(clipId: string, facts: readonly ClipFact[], sealed?: string): Promise<void> {
    await this.say('clip', clipId, facts, sealed);
    for (const fact of facts) this.clips.set(clipId, evolveClip(this.clips.get(clipId) ?? null, fact));
  }

  /** A bill says that a task's attempt cost more, or less. */
  async billed(taskId: string, accountId: string, amountMinor: number, currency = 'USD'): Promise<void> {
    const money = { currency, amountMinor };
    await this.world.write(billingStream(this.world.tenant, 'simulator'), [
      billingNewFact({
        type: 'BillLineBooked',
        data: {
          ...{
            billId: 'bill_1',
            line: (this.#lines += 1),
            provider: 'simulator',
            providerJobId: `job-${taskId}`,
            billedAt: this.now,
            billed: money,
          },
          ...{ units: null, state: 'amount_differs', booked: money, expense: 'provider', accountId, taskId, model: 'kling-ai-5s' },
        },
      }),
    ]);
  }
}

function moveFact(to: ReviewState): (typeof MOVE_FACTS)[number] {
  if (to.startsWith('rejected_')) return 'ClipRejected';
  if (to === 'approved_to_publish') return 'ClipApproved';
  if (to === 'scheduled') return 'ClipScheduled';
  return to === 'published' ? 'ClipPublished' : 'ClipMoved';
}
