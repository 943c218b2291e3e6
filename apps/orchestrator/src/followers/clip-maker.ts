// 5 react · makes the clip of each task with a brief that completed, or whose late result was taken: once, whoever sees the fact and how often.
import { commandIdOf, invariant, keyDigest, type Clock } from '#libs/kernel';
import { NO_STREAM, tenantStream, type CommandMeta, type EventStore, type StoredFact } from '#libs/event-store';
import { clipGeneratedFacts, clipIdOf, clipNewFacts } from '#libs/studio';
import { evolveTask, initialTask, type TaskFact, type TaskState } from '#libs/tasks';
import { ORCHESTRATOR_ACTOR } from '../task-reactions.js';
import type { FollowerMetrics } from './follower.metrics.js';
import type { Reaction } from './log-follower.js';

export interface ClipMakerParts {
  store: Pick<EventStore, 'readStreams' | 'append'>;
  clock: Clock;
  metrics: FollowerMetrics;
}

/** They name the brief, so a task without one costs no read. */
const FACT_TYPES = ['TaskCompleted', 'LateResultAccepted'] as const;

export class ClipMaker implements Reaction {
  readonly name = 'clips';
  readonly filter = { streamPrefixes: ['task-'], types: FACT_TYPES };

  constructor(private readonly parts: ClipMakerParts) {}

  async take(facts: readonly StoredFact[]): Promise<null> {
    const causes = facts.filter((fact) => fact.data['briefId'] !== undefined);
    if (causes.length === 0) return null;
    const histories = await this.parts.store.readStreams(causes.map(({ stream }) => stream));
    await Promise.all(causes.map((cause) => this.#make(cause, taskAt(histories.get(cause.stream) ?? [], cause))));
    return null;
  }

  async #make(cause: StoredFact, task: TaskState): Promise<void> {
    const { store, clock, metrics } = this.parts;
    const { tenant } = cause;
    const { taskId, accountId, brief, model } = task;
    invariant(brief !== undefined, () => `${taskId} has no brief`);
    const asset = task.assets[0];
    // Completed for a fraction of nothing, and not charged: there is nothing to review.
    if (asset === undefined) return;
    const facts = clipNewFacts(clipGeneratedFacts({ taskId, accountId, brief, model, asset, at: clock.now() }));
    const stream = tenantStream('clip', tenant, clipIdOf(taskId));
    // The stream tells whether the clip is there already: moved on, perhaps, or made by another process.
    const appended = await store.append({ meta: metaOf(cause), appends: [{ stream, expectedRevision: NO_STREAM, facts }] });
    if (appended.ok && !appended.repeated) metrics.onClip();
  }
}

/** Up to the fact: what came after it changes nothing of the clip. */
function taskAt(history: readonly StoredFact[], cause: StoredFact): TaskState {
  const task = history
    .filter(({ revision }) => revision <= cause.revision)
    .reduce((state, fact) => evolveTask(state, fact as unknown as TaskFact), initialTask());
  invariant(task.exists, () => `${cause.stream} cannot be read`);
  return task;
}

/** The same cause is the same command, so that an append repeated is recognised. */
function metaOf({ tenant, stream, id, correlationId }: StoredFact): CommandMeta {
  const commandId = commandIdOf(keyDigest(tenant, '', `clip ${stream}`));
  return { commandId, tenant, actor: ORCHESTRATOR_ACTOR, correlationId, causationId: id, requestHash: null };
}
