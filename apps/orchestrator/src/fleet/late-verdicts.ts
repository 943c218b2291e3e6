// 5 react · decides whether a worker's verdict came too late, and then writes it down as a late result at once: nobody asks for that attempt again.
import { invariant, newCommandId } from '#libs/kernel';
import { tenantStream, type EventStore, type NewFact, type Sessions } from '#libs/event-store';
import type { FleetJob, JobReport } from '#libs/providers';
import type { Settlements } from '#libs/settlement';
import { decideTask, isOver, liveAttempt, TASK_FACT_VERSIONS, type TaskState } from '#libs/tasks';
import { commandFor } from '../reaction.decider.js';
import type { ReactionPolicy } from '../reaction.policy.js';
import { ORCHESTRATOR_ACTOR } from '../task-reactions.js';

export interface LateVerdictParts {
  store: Pick<EventStore, 'readStream'>;
  sessions: Sessions<TaskState>;
  settlements: Pick<Settlements, 'settleFromLog'>;
  policy: ReactionPolicy;
}

/** The middle of the spread of a retry's delay: a late verdict is never retried. */
const NO_JITTER = 0.5;

export class LateVerdicts {
  constructor(private readonly parts: LateVerdictParts) {}

  /**
   * The verdict of the live attempt is left to the orchestrator, which asks for it. Any other is a fact of its task when this resolves, once,
   * however often and by how many processes at once it is called.
   */
  async record(job: FleetJob, report: JobReport): Promise<void> {
    const stream = tenantStream('task', job.tenant, job.taskId);
    const isLate = await this.parts.sessions.read(stream, (state) => isOfNoLiveAttempt(state, job));
    if (isLate) await this.#write(stream, job, report);
  }

  async #write(stream: string, job: FleetJob, report: JobReport): Promise<void> {
    const { store, sessions, settlements, policy } = this.parts;
    const { tenant, taskId, attempt } = job;
    const [submission] = await store.readStream(stream, { limit: 1 });
    invariant(submission !== undefined, () => `${stream} has no first fact`);
    const { correlationId, id: causationId } = submission;
    const meta = { commandId: newCommandId(), tenant, actor: ORCHESTRATOR_ACTOR, correlationId, causationId, requestHash: null };
    const outcome = await sessions.execute<boolean>(stream, meta, (state, at) => {
      const command = isOfNoLiveAttempt(state, job)
        ? commandFor(state, { kind: 'reported', attempt, report }, at, policy, NO_JITTER)
        : null;
      const decision = command === null ? null : decideTask(state, command, at);
      if (!Array.isArray(decision)) return { unchanged: true, result: isOver(state) };
      const facts = decision.map(({ type, data }): NewFact => {
        return { type, schemaVersion: TASK_FACT_VERSIONS[type], data: data as unknown as NewFact['data'] };
      });
      return { facts, result: () => isOver(state) };
    });
    invariant(outcome.kind === 'appended' || outcome.kind === 'unchanged', () => `the verdict of ${job.jobId} ended as ${outcome.kind}`);
    // What it cost is booked beside the ending that stands; where the task goes on, its ending will.
    if (outcome.result) await settlements.settleFromLog(tenant, taskId, null);
  }
}

function isOfNoLiveAttempt(state: TaskState, { attempt, clientJobId }: FleetJob): boolean {
  if (state.attempts[attempt - 1]?.clientJobId !== clientJobId) return false;
  return isOver(state) || liveAttempt(state)?.number !== attempt;
}
