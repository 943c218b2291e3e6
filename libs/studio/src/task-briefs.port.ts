// 1 → 2 · what submitting a task asks of the studio: the text of its prompt, and one of the brief's attempts.
import type { JsonObject, Refusal } from '#libs/kernel';
import type { CommandMeta } from '#libs/event-store';
import type { TaskBrief } from '#libs/tasks';

export interface BriefedTask {
  brief: TaskBrief;
  /** Rendered; null where the task brings its own. */
  prompt: string | null;
  /** All that it was rendered with beside the brief's fields: the task's own, or else those given at `ready`; null without a prompt version. */
  variables: JsonObject | null;
}

export interface TaskBriefs {
  /**
   * `not_found` for a brief, or a prompt version, that is not there; `validation_failed` for a variable that is missing or unknown, with its
   * name as pointer, and for a task of another account than the brief's, unless the key may not see that account (`accounts`, null for all):
   * then there is no such brief.
   */
  resolve(
    tenant: string,
    wish: { accounts?: readonly string[] | null; accountId: string; briefId: string; promptVersionId?: string; variables?: JsonObject },
  ): Promise<BriefedTask | Refusal>;
  /**
   * Takes an attempt for each task, all or none; tasks that have theirs already are left as they are. `attempt_budget_exhausted` where
   * there are not enough left (with `attemptBudget`, `attemptsUsed`). An attempt whose task never came to be is found out and given back
   * before anybody is refused for it: `usesAttempt` of #libs/tasks says so of the first fact of the task's stream, undefined where it has none.
   * `meta` is the submission's: what is written here has a command id of its own, and not its key.
   */
  take(meta: CommandMeta, briefId: string, taskIds: readonly string[]): Promise<Refusal | null>;
  /**
   * The tasks were refused; one that another process opened under the same key keeps its attempt (`usesAttempt`). Never throws: what is not given back
   * now is found out later.
   */
  giveBack(meta: CommandMeta, briefId: string, taskIds: readonly string[]): Promise<void>;
}
