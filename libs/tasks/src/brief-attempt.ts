// 2 decide · whether a task used the attempt that was taken for it on its brief's budget; asked by submissions and by whoever finds lost attempts.
import type { SubmissionData } from './task.facts.js';

/**
 * `first` is the first fact of the task's stream, undefined where there is none. Refused submissions use no attempt, and neither does a task that was
 * opened without the brief: by a healer, or by another request under the same key.
 */
export function usesAttempt(first: { type: string; data: object } | undefined, briefId: string): boolean {
  return first?.type === 'TaskSubmitted' && (first.data as SubmissionData).brief?.briefId === briefId;
}
