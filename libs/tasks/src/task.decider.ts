// 2 decide · the task's state machine: who may do what to it when, and that it ends exactly once; called by settlement and the orchestrator.
import { floorOfFraction, parseDecimal, parseFraction, refuse, toIso, UNCHANGED, unreachable } from '#libs/kernel';
import type { Decision, Decider, InstantMs, Money, Refusal } from '#libs/kernel';
import type { TaskCommand } from './task.commands.js';
import { assetAt, attemptOf, evolveTask, initialTask, isOver, liveAttempt } from './task.evolve.js';
import type { Asset, Failure, LateResultPolicy, TaskFact } from './task.facts.js';
import type { AttemptState, KeepableAsset, TaskState } from './task.state.js';

export type TaskRefusalCode = 'not_found' | 'conflict' | 'validation_failed';
export type TaskDecision = Decision<TaskFact, TaskRefusalCode>;

export { assetAt, evolveTask, initialTask, isOver, liveAttempt } from './task.evolve.js';

export const taskDecider: Decider<TaskState, TaskFact> = { category: 'task', initial: initialTask, evolve: evolveTask };

// ── What the state says ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * When the task times out unless a verdict comes first: the deadline, or under `hold_until_verdict` the end of the hold, as long as there is
 * an attempt that could still give one.
 */
export function timesOutAt(state: TaskState): InstantMs {
  return state.deadlinePolicy === 'hold_until_verdict' && liveAttempt(state) !== null ? state.holdUntil : state.deadlineAt;
}

/** What a cancellation came to, read from the state after it; a repeated request gets the same answer. */
export function cancellationOutcome(state: TaskState): 'done' | 'requested' | 'too_late' {
  if (state.status === 'cancelled') return 'done';
  return !isOver(state) && state.cancellationRequested ? 'requested' : 'too_late';
}

/** A late result that waits for the customer to take it at the quoted price. */
export function hasOpenOffer(state: TaskState): boolean {
  // Who was charged for the task has what was asked for, and nobody is kept waiting for what another attempt may yet bring.
  if (!isOver(state) || state.status === 'completed') return false;
  return state.late !== null && state.late.policy === 'offer' && state.late.outcome === 'succeeded' && !state.late.accepted;
}

// ── Decide ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Doubled, reordered and late commands are unchanged; only what contradicts the record is refused. A verdict or a cancellation that comes
 * once the task is due to time out first books the time-out, so the outcome never depends on which wake-up was faster.
 */
export function decideTask(state: TaskState, command: TaskCommand, at: InstantMs): TaskDecision {
  if (!state.exists) return refuse('not_found', 'there is no such task');
  switch (command.type) {
    case 'Dispatch':
      return decideDispatch(state, command.provider, at);
    case 'Accept':
      return decideAccept(state, command.attempt, command.providerJobId, at);
    case 'MarkSubmissionUnknown': {
      const attempt = attemptOf(state, command.attempt);
      if (attempt === null) return noSuchAttempt(command.attempt);
      if (attempt.status !== 'dispatching') return UNCHANGED;
      return [{ type: 'TaskSubmissionUnknown', data: { attempt: attempt.number, detail: command.detail, decidedAt: toIso(at) } }];
    }
    case 'Progress':
      return decideProgress(state, command.attempt, command.percent, at);
    case 'FailAttempt':
      return decideFailAttempt(state, command, at);
    case 'Complete':
      return decideComplete(state, command, at);
    case 'Fail':
      return decideFail(state, command, at);
    case 'TimeOut':
      return isOver(state) || at < timesOutAt(state) ? UNCHANGED : [timedOut(state, at)];
    case 'RequestCancellation':
      return decideRequestCancellation(state, command.reason, at);
    case 'Cancel':
      return decideCancel(state, command.attempt, command.cost, at);
    case 'AcceptLateResult':
      return decideAcceptLateResult(state, command.reservationId, at);
    case 'RecordAssets':
      return decideRecordAssets(state, command, at);
    default:
      return unreachable(command, 'task command');
  }
}

function decideDispatch(state: TaskState, provider: string, at: InstantMs): TaskDecision {
  if (isOver(state)) return refuse('conflict', `the task is over: ${state.status}`);
  const live = liveAttempt(state);
  if (live !== null) return refuse('conflict', `attempt ${live.number} is still live`);
  if (at >= timesOutAt(state)) return refuse('conflict', 'the deadline has passed');
  const attempt = state.attempts.length + 1;
  return [{ type: 'TaskDispatched', data: { attempt, provider, clientJobId: clientJobId(state.taskId, attempt), decidedAt: toIso(at) } }];
}

/** Also after the ending: an abandoned attempt's job has to be known to be cancelled or asked for its late result. */
function decideAccept(state: TaskState, number: number, providerJobId: string, at: InstantMs): TaskDecision {
  const attempt = attemptOf(state, number);
  if (attempt === null) return noSuchAttempt(number);
  if (attempt.providerJobId !== null && attempt.providerJobId !== providerJobId) {
    return refuse('conflict', `attempt ${number} is job ${attempt.providerJobId} at its provider already`);
  }
  if (attempt.providerJobId !== null || hasVerdict(attempt)) return UNCHANGED;
  return [{ type: 'TaskAccepted', data: { attempt: number, providerJobId, decidedAt: toIso(at) } }];
}

function decideProgress(state: TaskState, number: number, percent: number, at: InstantMs): TaskDecision {
  if (!Number.isInteger(percent) || percent < 0 || percent > 100)
    return refuse('validation_failed', `progress is 0 to 100, not ${percent}`);
  const attempt = attemptOf(state, number);
  if (attempt === null) return noSuchAttempt(number);
  if (isOver(state) || attempt.status !== 'running' || percent <= (state.percent ?? -1)) return UNCHANGED;
  return [{ type: 'TaskProgressed', data: { attempt: number, percent, decidedAt: toIso(at) } }];
}

function decideFailAttempt(state: TaskState, command: Extract<TaskCommand, { type: 'FailAttempt' }>, at: InstantMs): TaskDecision {
  const { attempt, failure, cost, retryAt } = command;
  const lost = command.lost === true ? ({ lost: true } as const) : {};
  // A retry that could only begin after the deadline is none. A failure has nothing to deliver, whatever the policy for late results is.
  if (retryAt === null || retryAt >= state.deadlineAt) {
    return decideFail(state, { type: 'Fail', attempt, failure, cost, lateResultPolicy: 'discard', ...lost }, at);
  }
  const known = attemptOf(state, attempt);
  if (known === null) return noSuchAttempt(attempt);
  if (hasVerdict(known) || isGivenUpAgain(known, command)) return UNCHANGED;
  const before = beforeLateVerdict(state, known, at);
  if (before !== null) return command.lost === true ? before : [...before, late(attempt, failed(cost), 'discard', at)];
  const decidedAt = toIso(at);
  // Nobody retries what the customer asked to stop: the cancellation is done once its attempt is gone.
  if (state.cancellationRequested) {
    return [
      { type: 'TaskAttemptFailed', data: { attempt, failure, cost, retryAt: null, ...lost, decidedAt } },
      { type: 'TaskCancelled', data: { attempt: null, cost: null, decidedAt } },
    ];
  }
  return [{ type: 'TaskAttemptFailed', data: { attempt, failure, cost, retryAt: toIso(retryAt), ...lost, decidedAt } }];
}

/** As the ledger reads it. */
const EXCESS_LIMITS = { integerDigitsMax: 3, fractionDigitsMax: 6 };

function decideComplete(state: TaskState, command: Extract<TaskCommand, { type: 'Complete' }>, at: InstantMs): TaskDecision {
  const { attempt, assets, deliveredFraction, actualDurationSeconds, cost } = command;
  const isExcess = parseFraction(deliveredFraction) === null;
  if (isExcess && (command.excess === undefined || parseDecimal(deliveredFraction, EXCESS_LIMITS) === null))
    return refuse('validation_failed', `the delivered fraction is 0 to 1, not ${deliveredFraction}`);
  const durations = [actualDurationSeconds, ...assets.map((asset) => asset.durationSeconds)];
  const wrong = durations.find((duration) => duration !== null && parseDecimal(duration) === null);
  if (wrong !== undefined) return refuse('validation_failed', `a duration is a decimal number of seconds, not ${String(wrong)}`);
  const known = attemptOf(state, attempt);
  if (known === null) return noSuchAttempt(attempt);
  if (hasVerdict(known)) return UNCHANGED;
  const before = beforeLateVerdict(state, known, at);
  if (before !== null)
    return [...before, late(attempt, { outcome: 'succeeded', assets, deliveredFraction, cost }, command.lateResultPolicy, at)];
  const excess = isExcess && command.excess !== undefined ? { excess: command.excess } : {};
  const decidedAt = toIso(at);
  const verdict = { attempt, assets, deliveredFraction, ...excess, actualDurationSeconds, cost };
  return [{ type: 'TaskCompleted', data: { ...verdict, ...briefOf(state), decidedAt } }];
}

function decideFail(state: TaskState, command: Extract<TaskCommand, { type: 'Fail' }>, at: InstantMs): TaskDecision {
  const { attempt, failure, cost } = command;
  if (attempt === null) {
    if (isOver(state)) return UNCHANGED;
    return bookTimeOut(state, at) ?? [{ type: 'TaskFailed', data: { attempt, failure, cost, decidedAt: toIso(at) } }];
  }
  const known = attemptOf(state, attempt);
  if (known === null) return noSuchAttempt(attempt);
  if (hasVerdict(known) || isGivenUpAgain(known, command)) return UNCHANGED;
  const before = beforeLateVerdict(state, known, at);
  if (before !== null) return command.lost === true ? before : [...before, late(attempt, failed(cost), command.lateResultPolicy, at)];
  const lost = command.lost === true ? ({ lost: true } as const) : {};
  return [{ type: 'TaskFailed', data: { attempt, failure, cost, ...lost, decidedAt: toIso(at) } }];
}

function decideRequestCancellation(state: TaskState, reason: string | null, at: InstantMs): TaskDecision {
  if (isOver(state)) return UNCHANGED;
  const overdue = bookTimeOut(state, at);
  if (overdue !== null) return overdue;
  if (state.cancellationRequested) return UNCHANGED;
  const decidedAt = toIso(at);
  const requested: TaskFact = { type: 'TaskCancellationRequested', data: { reason, decidedAt } };
  if (liveAttempt(state) !== null) return [requested];
  return [requested, { type: 'TaskCancelled', data: { attempt: null, cost: null, decidedAt } }];
}

function decideCancel(state: TaskState, attempt: number | null, cost: Money | null, at: InstantMs): TaskDecision {
  const known = attempt === null ? null : attemptOf(state, attempt);
  if (attempt !== null && known === null) return noSuchAttempt(attempt);
  if (known === null ? isOver(state) : hasVerdict(known)) return UNCHANGED;
  const before = known === null ? bookTimeOut(state, at) : beforeLateVerdict(state, known, at);
  if (before !== null) return attempt === null ? before : [...before, late(attempt, failed(cost), 'discard', at)];
  const decidedAt = toIso(at);
  // A provider that stops what nobody asked it to stop has failed; the customer did not cancel.
  if (!state.cancellationRequested) return [{ type: 'TaskFailed', data: { attempt, failure: CANCELLED_BY_PROVIDER, cost, decidedAt } }];
  return [{ type: 'TaskCancelled', data: { attempt, cost, decidedAt } }];
}

function decideAcceptLateResult(state: TaskState, reservationId: string, at: InstantMs): TaskDecision {
  if (state.late?.accepted === true) return UNCHANGED;
  if (state.late === null || !hasOpenOffer(state)) return refuse('conflict', 'there is no late result on offer');
  const fraction = parseFraction(state.late.deliveredFraction);
  const credits = fraction === null ? state.credits : floorOfFraction(state.credits, fraction);
  return [{ type: 'LateResultAccepted', data: { reservationId, credits, ...briefOf(state), decidedAt: toIso(at) } }];
}

/** Said again by the facts that a clip is made from, so that who makes it needs to read no other. */
function briefOf({ brief }: TaskState): { briefId?: string } {
  return brief === undefined ? {} : { briefId: brief.briefId };
}

function decideRecordAssets(state: TaskState, command: Extract<TaskCommand, { type: 'RecordAssets' }>, at: InstantMs): TaskDecision {
  const decidedAt = toIso(at);
  const stored = command.stored.filter((asset) => isWithoutCopy(assetAt(state, asset)));
  const notStored = command.notStored.filter((asset) => isWithoutCopy(assetAt(state, asset)) && assetAt(state, asset)?.isGivenUp !== true);
  const facts: TaskFact[] = [];
  if (stored.length > 0) facts.push({ type: 'TaskAssetsStored', data: { assets: stored, decidedAt } });
  if (notStored.length > 0) facts.push({ type: 'TaskAssetsNotStored', data: { assets: notStored, decidedAt } });
  return facts.length === 0 ? UNCHANGED : facts;
}

function isWithoutCopy(asset: KeepableAsset | null): boolean {
  return asset !== null && asset.kept === undefined;
}

const CANCELLED_BY_PROVIDER: Failure = {
  code: 'provider_cancelled',
  detail: 'The provider cancelled the job without being asked to.',
  blame: 'provider',
  retryable: true,
};

/** Null while the task can still end otherwise; else what has to be written before a verdict can only be a late one. */
function bookTimeOut(state: TaskState, at: InstantMs): TaskFact[] | null {
  if (isOver(state)) return [];
  return at >= timesOutAt(state) ? [timedOut(state, at)] : null;
}

/** As {@link bookTimeOut}, for a verdict of this attempt: one that was given up can bring nothing else, though the task goes on. */
function beforeLateVerdict(state: TaskState, attempt: AttemptState, at: InstantMs): TaskFact[] | null {
  return bookTimeOut(state, at) ?? (attempt.status === 'abandoned' ? [] : null);
}

function isGivenUpAgain(attempt: AttemptState, { lost }: { lost?: true }): boolean {
  return lost === true && attempt.status === 'abandoned';
}

function timedOut(state: TaskState, at: InstantMs): TaskFact {
  const attempt = liveAttempt(state)?.number ?? null;
  return {
    type: 'TaskTimedOut',
    data: { attempt, deadlineAt: toIso(state.deadlineAt), policy: state.deadlinePolicy, decidedAt: toIso(at) },
  };
}

interface Verdict {
  outcome: 'succeeded' | 'failed';
  assets: Asset[];
  deliveredFraction: string;
  cost: Money | null;
}

function failed(cost: Money | null): Verdict {
  return { outcome: 'failed', assets: [], deliveredFraction: '0', cost };
}

function late(attempt: number, verdict: Verdict, policy: LateResultPolicy, at: InstantMs): TaskFact {
  const assets = policy === 'discard' ? [] : verdict.assets;
  return { type: 'LateResultArrived', data: { attempt, ...verdict, assets, policy, decidedAt: toIso(at) } };
}

function noSuchAttempt(number: number): Refusal<TaskRefusalCode> {
  return refuse('conflict', `there is no attempt ${number}`);
}

function hasVerdict(attempt: AttemptState): boolean {
  return attempt.status === 'succeeded' || attempt.status === 'failed' || attempt.status === 'cancelled';
}

/** Our own id of an attempt, the same for ever: a job that was submitted twice by accident is found under it. */
export function clientJobId(taskId: string, attempt: number): string {
  return `${taskId}.${attempt}`;
}
