// 1 → 2 → 3 · what submitting a task asks of its brief: the text of its prompt, and one of its attempts; called by settlement, in any process.
import { LRUCache } from 'lru-cache';
import { isRefusal, newCommandId, type InstantMs, type JsonObject, type Refusal } from '#libs/kernel';
import { EventStoreUnavailable, tenantStream, type CommandMeta, type EventStore, type Sessions } from '#libs/event-store';
import { usesAttempt } from '#libs/tasks';
import { decideReturnAttempts, decideTakeAttempts, noSuchBrief } from './brief/brief.decider.js';
import { BRIEF_FACT_VERSIONS, type BriefFact } from './brief/brief.facts.js';
import type { BriefState } from './brief/brief.state.js';
import { invalid, STUDIO_ID_PATTERN } from './checks.js';
import { noSuchVersion } from './prompt/prompt.decider.js';
import { promptVersionId } from './prompt/prompt.facts.js';
import type { PromptRendering } from './prompt-rendering.js';
import { studioNewFacts } from './studio.new-facts.js';
import type { BriefedTask, TaskBriefs } from './task-briefs.port.js';
import { maySee } from './visibility.js';

export interface TaskBriefsParts {
  store: Pick<EventStore, 'readStreams'>;
  briefs: Sessions<BriefState>;
  rendering: PromptRendering;
  /** How long a submission may take between its attempt and its task: far longer than any that is still alive. */
  graceMs?: number;
  /** An attempt could not be given back; it is found out later. */
  onError?: (error: unknown) => void;
}

const GRACE_MS_DEFAULT = 15_000;
const BRIEFS_KEPT_MAX = 1_000;
const LOOKED_UP_AT_ONCE = 500;
const VERSION_ID = /^(.+)@v([1-9]\d{0,8})$/;

export class BudgetedTaskBriefs implements TaskBriefs {
  /** By brief's stream: tasks with an attempt that are known to have come to be. They never cease to. */
  private readonly opened = new LRUCache<string, Set<string>>({ max: BRIEFS_KEPT_MAX });

  constructor(private readonly parts: TaskBriefsParts) {}

  async resolve(
    tenant: string,
    wish: { accounts?: readonly string[] | null; accountId: string; briefId: string; promptVersionId?: string; variables?: JsonObject },
  ): Promise<BriefedTask | Refusal> {
    const { rendering } = this.parts;
    const brief = await rendering.brief(tenant, wish.briefId);
    const content = brief?.content ?? null;
    if (brief === null || content === null) return noSuchBrief();
    if (content.accountId !== null && content.accountId !== wish.accountId) {
      if (!maySee(wish.accounts ?? null, content.accountId)) return noSuchBrief();
      return invalid('/accountId', 'is not the account that the brief is for');
    }
    const base = {
      briefId: wish.briefId,
      briefRevision: brief.revision,
      budgeted: content.attemptBudget !== null,
      autoReview: content.autoReview,
    };
    if (wish.promptVersionId === undefined) {
      if (wish.variables !== undefined) return invalid('/variables', 'need a promptVersionId: a prompt of the task’s own has none');
      return { brief: { ...base, promptId: null, promptVersion: null, promptVersionId: null }, prompt: null, variables: null };
    }
    const [, promptId, version] = VERSION_ID.exec(wish.promptVersionId) ?? [];
    if (promptId === undefined) return noSuchVersion();
    const rendered = await rendering.of(tenant, brief, promptId, Number(version), wish.variables);
    if (isRefusal(rendered)) return rendered;
    const named = { promptId, promptVersion: rendered.version, promptVersionId: promptVersionId(promptId, rendered.version) };
    return { brief: { ...base, ...named }, prompt: rendered.text, variables: rendered.variables };
  }

  async take(meta: CommandMeta, briefId: string, taskIds: readonly string[]): Promise<Refusal | null> {
    if (!STUDIO_ID_PATTERN.test(briefId)) return noSuchBrief();
    const first = await this.tryTake(meta, briefId, taskIds);
    if (first?.code !== 'attempt_budget_exhausted') return first;
    return (await this.heal(meta, briefId, taskIds)) ? this.tryTake(meta, briefId, taskIds) : first;
  }

  async giveBack(meta: CommandMeta, briefId: string, taskIds: readonly string[]): Promise<void> {
    try {
      // Under one key, another process may have opened the very task that was refused here.
      await this.giveBackMissing(meta, briefId, taskIds);
    } catch (error) {
      this.parts.onError?.(error);
    }
  }

  private async tryTake(meta: CommandMeta, briefId: string, taskIds: readonly string[]): Promise<Refusal | null> {
    const outcome = await this.write(meta, briefId, (state, at) => decideTakeAttempts(state, taskIds, at));
    return outcome.refusal;
  }

  /** Whether any attempt was given back: of those that had their time, each whose task was refused or never came to be. */
  private async heal(meta: CommandMeta, briefId: string, taskIds: readonly string[]): Promise<boolean> {
    const { briefs, graceMs = GRACE_MS_DEFAULT } = this.parts;
    const stream = tenantStream('brief', meta.tenant, briefId);
    const opened = this.opened.get(stream);
    const doubtful = await briefs.read(stream, (state, _revision, at) =>
      [...state.attempts]
        .filter(([taskId, takenAt]) => opened?.has(taskId) !== true && Date.parse(takenAt) + graceMs <= at && !taskIds.includes(taskId))
        .map(([taskId]) => taskId),
    );
    return (await this.giveBackMissing(meta, briefId, doubtful)) > 0;
  }

  /** Answers how many were given back. */
  private async giveBackMissing(meta: CommandMeta, briefId: string, taskIds: readonly string[]): Promise<number> {
    const missing = await this.missing(meta.tenant, briefId, taskIds);
    if (missing.length === 0) return 0;
    const { written } = await this.write(meta, briefId, (state, at) => decideReturnAttempts(state, missing, at));
    return written;
  }

  /** Those of the tasks that use no attempt. */
  private async missing(tenant: string, briefId: string, taskIds: readonly string[]): Promise<string[]> {
    const brief = tenantStream('brief', tenant, briefId);
    const opened = this.opened.get(brief) ?? new Set<string>();
    this.opened.set(brief, opened);
    const missing: string[] = [];
    for (let from = 0; from < taskIds.length; from += LOOKED_UP_AT_ONCE) {
      const some = taskIds.slice(from, from + LOOKED_UP_AT_ONCE);
      const streams = some.map((taskId) => tenantStream('task', tenant, taskId));
      const found = await this.parts.store.readStreams(streams, { limitPerStream: 1 });
      some.forEach((taskId, index) => {
        const [opening] = found.get(streams[index] as string) ?? [];
        if (usesAttempt(opening, briefId)) opened.add(taskId);
        else missing.push(taskId);
      });
    }
    return missing;
  }

  private async write(
    meta: CommandMeta,
    briefId: string,
    decide: (state: BriefState, at: InstantMs) => BriefFact[] | Refusal,
  ): Promise<{ refusal: Refusal | null; written: number }> {
    const { tenant, actor, correlationId, causationId } = meta;
    // A command of its own each time: the task's key stands on the task, and what is given back can be taken again.
    const own: CommandMeta = { commandId: newCommandId(), tenant, actor, correlationId, causationId, requestHash: null };
    const outcome = await this.parts.briefs.execute<number>(tenantStream('brief', tenant, briefId), own, (state, at) => {
      const decision = decide(state, at);
      if (isRefusal(decision)) return decision;
      if (decision.length === 0) return { unchanged: true, result: 0 };
      return { facts: studioNewFacts(decision, BRIEF_FACT_VERSIONS), result: () => decision.length };
    });
    switch (outcome.kind) {
      case 'appended':
      case 'unchanged':
        return { refusal: null, written: outcome.result };
      case 'refused':
        return { refusal: outcome.refusal, written: 0 };
      case 'key_conflict':
      case 'companion_conflict':
        throw new EventStoreUnavailable(`an attempt of brief ${briefId} met a key that it does not have`);
    }
  }
}
