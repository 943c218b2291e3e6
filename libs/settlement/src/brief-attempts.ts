// 2 → 3 · takes attempts of briefs for tasks that are about to be opened, and leaves them only to those that were; used by submissions and batches.
import type { Refusal } from '#libs/kernel';
import { EventStoreUnavailable, type CommandMeta, type WriteResult } from '#libs/event-store';
import type { TaskBriefs } from '#libs/studio';
import type { TaskBrief } from '#libs/tasks';

/**
 * Of one request. A brief's stream and an account's are not written as one, so attempts are taken before the tasks are opened, and given back where
 * they were not. What a process leaves behind that ends in between is found out when somebody finds the budget used up.
 */
export class BriefAttempts {
  /** By brief. */
  private readonly taken = new Map<string, string[]>();
  private meta: CommandMeta | null = null;

  constructor(private readonly briefs: Pick<TaskBriefs, 'take' | 'giveBack'>) {}

  /** For all of them or none; a wish whose brief has no budget needs none. */
  async take(meta: CommandMeta, wishes: ReadonlyArray<{ taskId: string; brief?: TaskBrief }>): Promise<Refusal | null> {
    this.meta = meta;
    for (const [briefId, taskIds] of byBudget(wishes)) {
      // Noted before it is known: where it fails, some may have been taken.
      this.taken.set(briefId, taskIds);
      const refusal = await this.briefs.take(meta, briefId, taskIds);
      if (refusal === null) continue;
      this.taken.delete(briefId);
      return refusal;
    }
    return null;
  }

  /** Runs what takes attempts; `opened`: the tasks of its answer that were opened for their briefs. Answers and throws what `work` does. */
  async during<View>(work: () => Promise<WriteResult<View>>, opened: (view: View) => readonly string[]): Promise<WriteResult<View>> {
    try {
      const result = await work();
      await this.giveBack(result.ok ? opened(result.view) : []);
      return result;
    } catch (error) {
      // An append whose answer was lost may have opened the tasks.
      if (!(error instanceof EventStoreUnavailable)) await this.giveBack([]);
      throw error;
    }
  }

  private async giveBack(opened: readonly string[]): Promise<void> {
    const { meta } = this;
    if (meta === null) return;
    const kept = new Set(opened);
    for (const [briefId, taskIds] of this.taken) {
      const unused = taskIds.filter((taskId) => !kept.has(taskId));
      if (unused.length > 0) await this.briefs.giveBack(meta, briefId, unused);
    }
    this.taken.clear();
  }
}

function byBudget(wishes: ReadonlyArray<{ taskId: string; brief?: TaskBrief }>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { taskId, brief } of wishes) {
    if (brief?.budgeted !== true) continue;
    const group = groups.get(brief.briefId);
    if (group === undefined) groups.set(brief.briefId, [taskId]);
    else group.push(taskId);
  }
  return groups;
}
