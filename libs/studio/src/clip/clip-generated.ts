// 5 → 2 · the first facts of a clip that a task brought; called by the maker of clips once the task completed.
import { toIso, type InstantMs } from '#libs/kernel';
import type { NewFact } from '#libs/event-store';
import type { TaskBrief } from '#libs/tasks';
import { studioNewFacts } from '../studio.new-facts.js';
import { CLIP_FACT_VERSIONS, clipIdOf, type ClipFact } from './clip.facts.js';
import { MAKER } from './clip.state.js';

export interface GeneratedClip {
  taskId: string;
  accountId: string;
  /** As the task has it. */
  brief: TaskBrief;
  model: string;
  asset: { url: string; mediaType: string; durationSeconds: string | null };
  at: InstantMs;
}

/** For a stream that does not exist yet; with `autoReview`, it waits for review at once. */
export function clipGeneratedFacts({ taskId, accountId, brief, model, asset, at }: GeneratedClip): ClipFact[] {
  const clipId = clipIdOf(taskId);
  const { briefId, briefRevision, promptId, promptVersion, autoReview } = brief;
  const { url, mediaType, durationSeconds } = asset;
  const decidedAt = toIso(at);
  const generated: ClipFact = {
    type: 'ClipGenerated',
    data: {
      ...{ clipId, taskId, accountId, briefId, briefRevision, promptId, promptVersion, model },
      asset: { url, mediaType, durationSeconds },
      decidedAt,
    },
  };
  if (!autoReview) return [generated];
  const silent = { reasons: [], note: null, reviewMinutes: '0', brandReviewMinutes: '0', editingMinutes: '0', gates: [] };
  const move = { from: 'generated', to: 'review_pending', ...silent, person: MAKER, scheduledAt: null, publishedUrl: null } as const;
  return [generated, { type: 'ClipMoved', data: { clipId, accountId, taskId, briefId, ...move, reasons: [], gates: [], decidedAt } }];
}

/** As the store takes them. */
export function clipNewFacts(facts: readonly ClipFact[], sealed?: string): NewFact[] {
  return studioNewFacts(facts, CLIP_FACT_VERSIONS, sealed);
}
