// Briefs and prompts in memory, shared by the processes of one test: what the studio answers to a submission, with nothing of its own in the log.
import { refuse, type JsonObject, type Refusal } from '#libs/kernel';
import { tenantStream, type CommandMeta, type EventStore } from '#libs/event-store';
import type { BriefedTask, TaskBriefs } from '#libs/studio';
import { usesAttempt } from '#libs/tasks';

export interface MemoryBrief {
  accountId: string | null;
  attemptBudget: number | null;
  revision: number;
  /** Supplied to every template. */
  goal: string;
  /** Given at `ready`. */
  variables: JsonObject;
}

export class MemoryBriefs {
  readonly briefs = new Map<string, MemoryBrief>();
  /** `prompt_1@v1` → its template. */
  readonly versions = new Map<string, string>();
  /** By brief: the tasks that have an attempt. */
  readonly attempts = new Map<string, Set<string>>();
  /** Whether attempts of tasks that never came to be are found out when the budget is used up. */
  heals = false;
  /** How often anything was asked. */
  asked = 0;

  brief(briefId: string, more: Partial<MemoryBrief> = {}): void {
    this.briefs.set(briefId, { accountId: null, attemptBudget: null, revision: 1, goal: 'summer launch', variables: {}, ...more });
    this.attempts.set(briefId, new Set());
  }

  used(briefId: string): number {
    return this.attempts.get(briefId)?.size ?? 0;
  }

  of(store: Pick<EventStore, 'readStreams'>): TaskBriefs {
    return {
      resolve: (_tenant, wish) => {
        this.asked += 1;
        return Promise.resolve(this.resolve(wish));
      },
      take: async (meta, briefId, taskIds) => {
        this.asked += 1;
        const first = this.take(briefId, taskIds);
        if (first === null || !this.heals) return first;
        await this.giveBack(store, meta, briefId, [...(this.attempts.get(briefId) ?? [])]);
        return this.take(briefId, taskIds);
      },
      giveBack: (meta, briefId, taskIds) => this.giveBack(store, meta, briefId, taskIds).catch(() => undefined),
    };
  }

  private resolve(wish: { accountId: string; briefId: string; promptVersionId?: string; variables?: JsonObject }): BriefedTask | Refusal {
    const { briefId, promptVersionId = null } = wish;
    const brief = this.briefs.get(briefId);
    if (brief === undefined) return refuse('not_found', 'There is no such brief.');
    if (brief.accountId !== null && brief.accountId !== wish.accountId)
      return invalid('/accountId', 'is not the account that the brief is for');
    const base = { briefId, briefRevision: brief.revision, budgeted: brief.attemptBudget !== null, autoReview: false };
    if (promptVersionId === null)
      return { brief: { ...base, promptId: null, promptVersion: null, promptVersionId }, prompt: null, variables: null };
    const template = this.versions.get(promptVersionId);
    if (template === undefined) return refuse('not_found', 'There is no such prompt version.');
    const variables = wish.variables ?? brief.variables;
    const values = new Map(Object.entries({ ...variables, goal: brief.goal }));
    const [missing] = [...template.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name).filter((name) => !values.has(name));
    if (missing !== undefined) return invalid(`/variables/${missing}`, 'is missing');
    const prompt = template.replace(/\{\{(\w+)\}\}/g, (_whole, name: string) => values.get(name) as string);
    const [promptId = '', version] = promptVersionId.split('@v');
    return { brief: { ...base, promptId, promptVersion: Number(version), promptVersionId }, prompt, variables };
  }

  private take(briefId: string, taskIds: readonly string[]): Refusal | null {
    const { attemptBudget = null } = this.briefs.get(briefId) ?? {};
    const taken = this.attempts.get(briefId);
    if (taken === undefined || attemptBudget === null) return null;
    const wanted = taskIds.filter((taskId) => !taken.has(taskId));
    if (taken.size + wanted.length > attemptBudget)
      return refuse('attempt_budget_exhausted', 'The attempts are used.', { briefId, attemptBudget, attemptsUsed: taken.size });
    for (const taskId of wanted) taken.add(taskId);
    return null;
  }

  private async giveBack(
    store: Pick<EventStore, 'readStreams'>,
    { tenant }: CommandMeta,
    briefId: string,
    taskIds: readonly string[],
  ): Promise<void> {
    const found = await store.readStreams(
      taskIds.map((taskId) => tenantStream('task', tenant, taskId)),
      { limitPerStream: 1 },
    );
    for (const taskId of taskIds) {
      const [first] = found.get(tenantStream('task', tenant, taskId)) ?? [];
      if (!usesAttempt(first, briefId)) this.attempts.get(briefId)?.delete(taskId);
    }
  }
}

function invalid(pointer: string, detail: string): Refusal {
  return refuse('validation_failed', detail, { errors: [{ pointer, detail }] });
}
