// 2 decide · which command a task's facts came from, and by which rule: what is decided again on the task as it was. Pure.
import { fromIso } from '#libs/kernel';
import type { TaskCommand, TaskFact, TaskState } from '#libs/tasks';
import type { Rule } from './rules.js';

export interface Again<Command> {
  command: Command;
  rule: Rule;
}

type Late = Extract<TaskFact, { type: 'LateResultArrived' }>;

/** The facts are those of one command, in order, none of them the submission. Null where nothing was decided: a report of progress, or of where assets are kept. */
export function taskCommandOf(facts: readonly TaskFact[], before: TaskState): Again<TaskCommand> | null {
  const fact = facts.at(-1);
  switch (fact?.type) {
    case undefined:
    case 'TaskSubmitted':
    case 'TaskRejected':
    case 'TaskProgressed':
    case 'TaskAssetsStored':
    case 'TaskAssetsNotStored':
      return null;
    case 'TaskDispatched':
      return { command: { type: 'Dispatch', provider: fact.data.provider }, rule: 'dispatch.next-attempt' };
    case 'TaskAccepted': {
      const { attempt, providerJobId } = fact.data;
      return { command: { type: 'Accept', attempt, providerJobId }, rule: 'attempt.accepted' };
    }
    case 'TaskSubmissionUnknown': {
      const { attempt, detail } = fact.data;
      return { command: { type: 'MarkSubmissionUnknown', attempt, detail }, rule: 'attempt.unknown' };
    }
    case 'TaskAttemptFailed': {
      const { attempt, failure, cost, retryAt } = fact.data;
      return {
        command: { type: 'FailAttempt', attempt, failure, cost, retryAt: retryAt === null ? null : fromIso(retryAt) },
        rule: 'attempt.retried',
      };
    }
    case 'TaskCompleted': {
      const { attempt, assets, deliveredFraction, excess, actualDurationSeconds, cost } = fact.data;
      const verdict = { attempt, assets, deliveredFraction, excess, actualDurationSeconds, cost };
      return { command: { type: 'Complete', ...verdict, lateResultPolicy: 'discard' }, rule: 'ending.completed' };
    }
    case 'TaskFailed': {
      const { attempt, failure, cost } = fact.data;
      return { command: { type: 'Fail', attempt, failure, cost, lateResultPolicy: 'discard' }, rule: 'ending.failed' };
    }
    case 'TaskTimedOut':
      return { command: { type: 'TimeOut' }, rule: timeOutRule(fact.data.policy, before) };
    case 'TaskCancellationRequested':
      return { command: { type: 'RequestCancellation', reason: fact.data.reason }, rule: 'cancellation.requested' };
    case 'TaskCancelled':
      return cancelled(facts, fact, before);
    case 'LateResultArrived':
      return late(fact, before);
    case 'LateResultAccepted':
      return { command: { type: 'AcceptLateResult', reservationId: fact.data.reservationId }, rule: 'late-result.taken' };
  }
}

function timeOutRule(policy: string, before: TaskState): Rule {
  return policy === 'hold_until_verdict' && before.attempts.length > 0 ? 'ending.hold-cap' : 'ending.deadline';
}

function cancelled(facts: readonly TaskFact[], fact: Extract<TaskFact, { type: 'TaskCancelled' }>, before: TaskState): Again<TaskCommand> {
  const first = facts[0];
  if (first?.type === 'TaskCancellationRequested')
    return { command: { type: 'RequestCancellation', reason: first.data.reason }, rule: 'cancellation.at-once' };
  if (first?.type === 'TaskAttemptFailed') {
    // Its retry would have had to begin before the deadline; when is not recorded, as nobody retries what is to stop.
    const { attempt, failure, cost } = first.data;
    return { command: { type: 'FailAttempt', attempt, failure, cost, retryAt: before.deadlineAt - 1 }, rule: 'ending.cancelled' };
  }
  const { attempt, cost } = fact.data;
  return { command: { type: 'Cancel', attempt, cost }, rule: 'ending.cancelled' };
}

/** Also where the verdict itself found the task overdue: the time-out stands before it in the same append. */
function late({ data }: Late, before: TaskState): Again<TaskCommand> {
  const { attempt, outcome, assets, deliveredFraction, policy, cost } = data;
  if (outcome === 'succeeded') {
    const verdict = { attempt, assets, deliveredFraction, excess: 'cap' as const, actualDurationSeconds: null, cost };
    return { command: { type: 'Complete', ...verdict, lateResultPolicy: policy }, rule: lateRule(policy) };
  }
  const failure = before.failure ?? {
    code: 'late_failure',
    detail: 'The verdict came after the ending.',
    blame: 'provider',
    retryable: false,
  };
  return { command: { type: 'Fail', attempt, failure, cost, lateResultPolicy: policy }, rule: 'late-result.failed' };
}

function lateRule(policy: Late['data']['policy']): Rule {
  if (policy === 'deliver_free') return 'late-result.delivered-free';
  return policy === 'offer' ? 'late-result.offered' : 'late-result.discarded';
}
