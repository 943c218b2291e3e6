// 5 react · decides what an answer of the world means for a task, and what to do next; pure, and called before every act on the task as it stands.
import { unreachable, type InstantMs, type Money } from '#libs/kernel';
import type { CancelAnswer, JobReport, LookupAnswer, ProviderCapabilities, SubmitAnswer } from '#libs/providers';
import { isOver, liveAttempt, timesOutAt, type AttemptState, type Failure, type TaskCommand, type TaskState } from '#libs/tasks';
import type { ReactionPolicy } from './reaction.policy.js';

/** What the orchestrator has learnt. A wake-up says nothing: the task itself says what is due. */
export type Observation =
  | { kind: 'woken' }
  /** Its turn has come: it may be submitted. */
  | { kind: 'turn' }
  | { kind: 'submitted'; attempt: number; answer: SubmitAnswer }
  /** `isConfirmed`: said often enough, far enough apart. */
  | { kind: 'looked_up'; attempt: number; answer: LookupAnswer; isConfirmed: boolean }
  | { kind: 'reported'; attempt: number; report: JobReport }
  | { kind: 'cancel_answered'; attempt: number; answer: CancelAnswer };

/** What of a task's state the next act depends on. */
export interface Situation {
  exists: boolean;
  isOver: boolean;
  hasLateResult: boolean;
  provider: string;
  timesOutAt: InstantMs;
  endedAt: InstantMs;
  cancellationRequested: boolean;
  percent: number | null;
  retryAt: InstantMs | null;
  /** The attempt that may still bring a verdict. */
  attempt: Pick<AttemptState, 'number' | 'clientJobId' | 'providerJobId' | 'status'> | null;
}

export function situationOf(state: TaskState): Situation {
  const last = state.attempts.at(-1);
  // One that was given up while the task goes on is asked after no more: it makes room for the next.
  const open = last !== undefined && (liveAttempt(state) !== null || (last.status === 'abandoned' && isOver(state))) ? last : null;
  return {
    exists: state.exists,
    isOver: isOver(state),
    hasLateResult: state.late !== null,
    provider: state.provider,
    timesOutAt: timesOutAt(state),
    endedAt: state.updatedAt,
    cancellationRequested: state.cancellationRequested,
    percent: state.percent,
    retryAt: last?.retryAt ?? null,
    attempt:
      open === null ? null : { number: open.number, clientJobId: open.clientJobId, providerJobId: open.providerJobId, status: open.status },
  };
}

/** True where the observation can change nothing, so that the task need not be read for it. */
export function saysNothing(situation: Situation, observation: Observation, policy: ReactionPolicy): boolean {
  switch (observation.kind) {
    case 'woken':
    case 'turn':
    case 'submitted':
      return false;
    case 'looked_up':
      return observation.answer.kind === 'never_created' && !observation.isConfirmed;
    case 'reported': {
      const { report } = observation;
      if (report.kind === 'unreachable' || report.kind === 'unrecognised' || report.kind === 'returned') return true;
      if (report.kind === 'lost') return situation.isOver;
      return report.kind === 'running' && (report.percent ?? 0) < (situation.percent ?? 0) + policy.progressStepPercent;
    }
    case 'cancel_answered':
      return observation.answer.kind !== 'cancelled' && observation.answer.kind !== 'withdrawn';
    default:
      return unreachable(observation, 'observation');
  }
}

/** The command that the observation comes to on this state; null for none. `jitter` is 0…1. */
export function commandFor(
  state: TaskState,
  observation: Observation,
  at: InstantMs,
  policy: ReactionPolicy,
  jitter: number,
): TaskCommand | null {
  if (!state.exists) return null;
  const { lateResult: lateResultPolicy } = policy;
  switch (observation.kind) {
    case 'woken':
    case 'turn':
      return dueCommand(state, observation.kind === 'turn', at);
    case 'submitted':
      return submittedCommand(observation.attempt, observation.answer, at, policy, jitter);
    case 'looked_up':
      return lookedUpCommand(state, observation, lateResultPolicy);
    case 'reported':
      return reportedCommand(observation.attempt, observation.report, at, policy, jitter);
    case 'cancel_answered': {
      const { attempt, answer } = observation;
      if (answer.kind === 'withdrawn') return { type: 'Cancel', attempt: null, cost: null };
      return answer.kind === 'cancelled' ? { type: 'Cancel', attempt, cost: answer.cost } : null;
    }
    default:
      return unreachable(observation, 'observation');
  }
}

/** What is due by itself: the time-out first, then a cancellation that nothing stands in the way of, then the next attempt. */
function dueCommand(state: TaskState, mayDispatch: boolean, at: InstantMs): TaskCommand | null {
  if (isOver(state)) return null;
  if (at >= timesOutAt(state)) return { type: 'TimeOut' };
  if (liveAttempt(state) !== null) return null;
  if (state.cancellationRequested) return { type: 'Cancel', attempt: null, cost: null };
  const retryAt = state.attempts.at(-1)?.retryAt ?? null;
  if (!mayDispatch || (retryAt !== null && at < retryAt)) return null;
  return { type: 'Dispatch', provider: state.provider };
}

function submittedCommand(attempt: number, answer: SubmitAnswer, at: InstantMs, policy: ReactionPolicy, jitter: number): TaskCommand {
  switch (answer.kind) {
    case 'accepted':
      return { type: 'Accept', attempt, providerJobId: answer.providerJobId };
    case 'rejected': {
      const failure: Failure = {
        code: 'provider_rejected',
        detail: `${answer.code}: ${answer.detail}`,
        blame: 'provider',
        retryable: answer.retryable,
      };
      return failed(attempt, failure, answer.retryable ? retryDelayMs(attempt, policy, jitter) : null, at);
    }
    case 'not_sent': {
      const failure: Failure = { code: 'provider_unreachable', detail: answer.detail, blame: 'provider', retryable: true };
      const delayMs = retryDelayMs(attempt, policy, jitter, answer.untilDeadline === true ? Infinity : policy.attemptsMax);
      return failed(attempt, failure, delayMs, at);
    }
    case 'unknown':
      return { type: 'MarkSubmissionUnknown', attempt, detail: answer.detail };
    default:
      return unreachable(answer, 'answer to a submission');
  }
}

/**
 * Retried only where nothing was created, or where the provider's terms say that to run it again costs nobody twice: a job that ran and failed
 * is else never run again at our customer's or our own cost.
 */
function failed(attempt: number, failure: Failure, delayMs: number | null, at: InstantMs, cost: Money | null = null): FailAttempt {
  return { type: 'FailAttempt', attempt, failure, cost, retryAt: delayMs === null ? null : at + delayMs };
}

type FailAttempt = Extract<TaskCommand, { type: 'FailAttempt' }>;

/** Null where there are no attempts left. */
function retryDelayMs(attempt: number, policy: ReactionPolicy, jitter: number, attemptsMax = policy.attemptsMax): number | null {
  const delayMs = Math.min(policy.retryAfterMs * 2 ** Math.min(attempt - 1, 24), policy.retryAfterMsMax);
  return attempt < attemptsMax ? Math.round(delayMs * (0.5 + jitter)) : null;
}

function lookedUpCommand(
  state: TaskState,
  { attempt, answer, isConfirmed }: Extract<Observation, { kind: 'looked_up' }>,
  lateResultPolicy: ReactionPolicy['lateResult'],
): TaskCommand | null {
  switch (answer.kind) {
    case 'found':
      return { type: 'Accept', attempt, providerJobId: answer.providerJobId };
    case 'unknown':
      return { type: 'MarkSubmissionUnknown', attempt, detail: 'the provider could not say whether it has the job' };
    case 'never_created':
      // A live attempt is submitted again under the same id. One whose task is over is closed: no verdict can come any more.
      return isConfirmed && isOver(state) ? { type: 'Fail', attempt, failure: NEVER_CREATED, cost: null, lateResultPolicy } : null;
    default:
      return unreachable(answer, 'answer to a look-up');
  }
}

const NEVER_CREATED: Failure = {
  code: 'provider_unreachable',
  detail: 'the job never arrived at the provider',
  blame: 'provider',
  retryable: true,
};

function reportedCommand(attempt: number, report: JobReport, at: InstantMs, policy: ReactionPolicy, jitter: number): TaskCommand | null {
  const { lateResult: lateResultPolicy } = policy;
  switch (report.kind) {
    case 'running':
      return report.percent === null ? null : { type: 'Progress', attempt, percent: report.percent };
    case 'succeeded': {
      const { assets, deliveredFraction, actualDurationSeconds, cost } = report;
      const excess = policy.overConsumption === 'reject' ? undefined : policy.overConsumption;
      return { type: 'Complete', attempt, assets, deliveredFraction, excess, actualDurationSeconds, cost, lateResultPolicy };
    }
    case 'failed': {
      const { code, detail, blame, retryable, cost, mayRunAgain } = report;
      const delayMs = mayRunAgain === true && retryable ? retryDelayMs(attempt, policy, jitter) : null;
      if (delayMs !== null) return failed(attempt, { code, detail, blame, retryable }, delayMs, at, cost);
      return { type: 'Fail', attempt, failure: { code, detail, blame, retryable }, cost, lateResultPolicy };
    }
    case 'cancelled':
      return { type: 'Cancel', attempt, cost: report.cost };
    case 'lost': {
      const failure: Failure = { code: 'worker_lost', detail: report.detail, blame: 'provider', retryable: true };
      return { ...failed(attempt, failure, report.mayRunAgain ? retryDelayMs(attempt, policy, jitter) : null, at), lost: true };
    }
    case 'returned':
    case 'unrecognised':
    case 'unreachable':
      return null;
    default:
      return unreachable(report, 'report');
  }
}

// ── What next ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What this process knows of a task beyond its facts; lost with the process, and never missed. */
export interface Memory {
  isSettled: boolean;
  /** A late result's cost was booked as well. */
  isLateResultSettled: boolean;
  /** A call to the provider is under way. */
  isCalling: boolean;
  /** The attempt that may be submitted: dispatched by this very process just now, proven never to have arrived, or given back unharmed. */
  maySubmit: number | null;
  /** Cancelled as far as we can: the provider was asked and answered. */
  cancelAnswered: boolean;
  /** Not before then is the provider asked again. */
  lookAt: InstantMs;
}

export type Next =
  | { do: 'submit'; attempt: number; clientJobId: string }
  | { do: 'lookup'; attempt: number; clientJobId: string }
  | { do: 'report'; attempt: number; providerJobId: string }
  | { do: 'cancel'; attempt: number; providerJobId: string }
  /** Dispatched by a process that is gone, or that only thinks so: recorded as unknown before anything else is done about it. */
  | { do: 'doubt'; attempt: number }
  | { do: 'settle' }
  /** To be read and judged again now. */
  | { do: 'wake' }
  /** To get in line for a submission. */
  | { do: 'queue' }
  | { do: 'wait'; until: InstantMs }
  | { do: 'finish' };

export function nextStep(
  situation: Situation,
  memory: Memory,
  at: InstantMs,
  capabilities: ProviderCapabilities | null,
  policy: ReactionPolicy,
): Next {
  if (!situation.exists) return { do: 'finish' };
  if (situation.isOver) return nextAfterEnding(situation, memory, at, capabilities, policy);
  if (at >= situation.timesOutAt) return { do: 'wake' };
  if (memory.isCalling || capabilities === null) return { do: 'wait', until: situation.timesOutAt };
  const { attempt } = situation;
  if (attempt === null) {
    if (situation.cancellationRequested) return { do: 'wake' };
    const { retryAt } = situation;
    return retryAt !== null && retryAt > at ? { do: 'wait', until: Math.min(retryAt, situation.timesOutAt) } : { do: 'queue' };
  }
  const { number, clientJobId, providerJobId } = attempt;
  const isUnwanted = situation.cancellationRequested && providerJobId !== null;
  if (memory.maySubmit === number && !isUnwanted) return { do: 'submit', attempt: number, clientJobId };
  if (providerJobId === null) {
    if (attempt.status === 'dispatching') return { do: 'doubt', attempt: number };
    // Without a look-up nothing more can be learnt of a submission whose answer was lost: the deadline decides.
    if (!capabilities.lookup && attempt.status === 'submission_unknown') return { do: 'wait', until: situation.timesOutAt };
    if (memory.lookAt > at) return { do: 'wait', until: Math.min(memory.lookAt, situation.timesOutAt) };
    return { do: 'lookup', attempt: number, clientJobId };
  }
  if (situation.cancellationRequested && capabilities.cancel && !memory.cancelAnswered)
    return { do: 'cancel', attempt: number, providerJobId };
  if (memory.lookAt > at) return { do: 'wait', until: Math.min(memory.lookAt, situation.timesOutAt) };
  return { do: 'report', attempt: number, providerJobId };
}

function nextAfterEnding(
  situation: Situation,
  memory: Memory,
  at: InstantMs,
  capabilities: ProviderCapabilities | null,
  policy: ReactionPolicy,
): Next {
  if (!memory.isSettled || (situation.hasLateResult && !memory.isLateResultSettled)) return { do: 'settle' };
  if (memory.isCalling) return { do: 'wait', until: Infinity };
  const { attempt, endedAt } = situation;
  if (attempt === null || capabilities === null || at >= endedAt + policy.lateWindowMs) return { do: 'finish' };
  if (memory.lookAt > at) return { do: 'wait', until: memory.lookAt };
  const { number, clientJobId, providerJobId } = attempt;
  if (providerJobId !== null) return { do: 'report', attempt: number, providerJobId };
  return capabilities.lookup ? { do: 'lookup', attempt: number, clientJobId } : { do: 'finish' };
}

/** How long until the provider is asked again: doubling from its least delay to its longest; sparse once the task is over. */
export function lookDelayMs(looks: number, capabilities: ProviderCapabilities, isTaskOver: boolean, policy: ReactionPolicy): number {
  const { first, min, max } = capabilities.pollEveryMs;
  if (looks === 0) return first;
  return Math.min(isTaskOver ? Math.max(max, policy.lateLookEveryMsMax) : max, min * 2 ** Math.min(looks - 1, 24));
}
