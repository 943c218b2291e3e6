// 2 decide · what a task's facts add up to, fold by fold; called by sessions, projections and the decider.
import { fromIso, unreachable } from '#libs/kernel';
import type { InstantMs, Money } from '#libs/kernel';
import type { AssetPlace, SubmissionData, TaskFact } from './task.facts.js';
import type { AttemptState, KeepableAsset, TaskState } from './task.state.js';

/** After an ending no other ending can follow. */
export function isOver(state: TaskState): boolean {
  return state.status !== 'pending' && state.status !== 'processing';
}

/** The one attempt that the provider may still be working on; it may exist there even where its submission is unknown. */
export function liveAttempt(state: TaskState): AttemptState | null {
  const last = state.attempts.at(-1);
  return last !== undefined && (last.status === 'dispatching' || last.status === 'submission_unknown' || last.status === 'running')
    ? last
    : null;
}

export function initialTask(): TaskState {
  return {
    exists: false,
    taskId: '',
    accountId: '',
    userId: null,
    model: '',
    family: '',
    provider: '',
    parameters: {},
    prompt: null,
    metadata: null,
    credits: 0,
    priceVersion: '',
    quoteId: null,
    status: 'pending',
    attempts: [],
    percent: null,
    assets: [],
    deliveredFraction: null,
    failure: null,
    createdAt: 0,
    updatedAt: 0,
    deadlineAt: 0,
    deadlinePolicy: 'release_now',
    holdUntil: 0,
    cancellationRequested: false,
    late: null,
  };
}

/** Folds in place; total over every fact that {@link decideTask} and settlement write. */
export function evolveTask(state: TaskState, fact: TaskFact): TaskState {
  const decidedAt = fromIso(fact.data.decidedAt);
  if (!state.exists) {
    state.exists = true;
    state.createdAt = decidedAt;
  }
  state.updatedAt = decidedAt;
  switch (fact.type) {
    case 'TaskSubmitted':
      evolveSubmission(state, fact.data);
      state.deadlineAt = fromIso(fact.data.deadlineAt);
      state.deadlinePolicy = fact.data.deadlinePolicy;
      state.holdUntil = fromIso(fact.data.holdUntil);
      return state;
    case 'TaskRejected':
      evolveSubmission(state, fact.data);
      state.status = 'rejected';
      state.failure = { code: fact.data.code, detail: fact.data.detail, blame: 'customer', retryable: false };
      return state;
    case 'TaskDispatched': {
      const { attempt: number, provider, clientJobId } = fact.data;
      state.attempts.push({ number, provider, clientJobId, providerJobId: null, status: 'dispatching', cost: null, retryAt: null });
      state.status = 'processing';
      state.percent = null;
      return state;
    }
    case 'TaskAccepted': {
      const attempt = attemptOf(state, fact.data.attempt);
      if (attempt === null) return state;
      attempt.providerJobId = fact.data.providerJobId;
      if (attempt.status !== 'abandoned') attempt.status = 'running';
      return state;
    }
    case 'TaskSubmissionUnknown':
      evolveAttempt(state, fact.data.attempt, 'submission_unknown', null);
      return state;
    case 'TaskProgressed':
      state.percent = fact.data.percent;
      return state;
    case 'TaskAttemptFailed': {
      const { attempt, cost, retryAt, lost } = fact.data;
      evolveAttempt(state, attempt, lost === true ? 'abandoned' : 'failed', cost, retryAt === null ? null : fromIso(retryAt));
      return state;
    }
    case 'TaskCompleted':
      evolveAttempt(state, fact.data.attempt, 'succeeded', fact.data.cost);
      state.assets = fact.data.assets.map((asset) => ({ ...asset, late: false }));
      state.deliveredFraction = fact.data.deliveredFraction;
      if (fact.data.excess !== undefined) state.excess = fact.data.excess;
      state.percent = 100;
      return end(state, 'completed');
    case 'TaskFailed':
      evolveAttempt(state, fact.data.attempt, fact.data.lost === true ? 'abandoned' : 'failed', fact.data.cost);
      state.failure = fact.data.failure;
      return end(state, 'failed');
    case 'TaskTimedOut':
      return end(state, 'timed_out');
    case 'TaskCancellationRequested':
      state.cancellationRequested = true;
      return state;
    case 'TaskCancelled':
      evolveAttempt(state, fact.data.attempt, 'cancelled', fact.data.cost);
      return end(state, 'cancelled');
    case 'LateResultArrived': {
      const { attempt, outcome, assets, deliveredFraction, policy, cost } = fact.data;
      evolveAttempt(state, attempt, outcome, cost);
      // Several attempts may have been given up: the first success stands, and what was offered does not change.
      if (state.late?.outcome === 'succeeded') return state;
      state.late = { policy, outcome, accepted: false, assets: assets.map((asset) => ({ ...asset })), deliveredFraction };
      if (isOver(state)) deliverLate(state);
      return state;
    }
    case 'LateResultAccepted':
      if (state.late === null) return state;
      state.late.accepted = true;
      state.assets.push(...state.late.assets.map((asset) => ({ ...asset, late: true })));
      return state;
    case 'TaskAssetsStored':
      for (const { index, late, sourceUrl, ...kept } of fact.data.assets) {
        for (const asset of assetsAt(state, { index, late, sourceUrl })) {
          asset.kept = kept;
          delete asset.isGivenUp;
        }
      }
      return state;
    case 'TaskAssetsNotStored':
      for (const place of fact.data.assets) for (const asset of assetsAt(state, place)) asset.isGivenUp = true;
      return state;
    default:
      return unreachable(fact, 'task fact');
  }
}

function evolveSubmission(state: TaskState, data: SubmissionData): void {
  state.taskId = data.taskId;
  state.accountId = data.accountId;
  state.userId = data.userId;
  state.model = data.model;
  state.family = data.family;
  state.provider = data.provider;
  state.parameters = data.parameters;
  state.prompt = data.prompt;
  state.metadata = data.metadata;
  if (data.brief !== undefined) state.brief = data.brief;
  state.credits = data.credits;
  state.priceVersion = data.priceVersion;
  state.quoteId = data.quoteId;
}

function evolveAttempt(
  state: TaskState,
  number: number | null,
  status: AttemptState['status'],
  cost: Money | null,
  retryAt: InstantMs | null = null,
): void {
  const attempt = number === null ? null : attemptOf(state, number);
  if (attempt === null) return;
  attempt.status = status;
  attempt.cost = cost ?? attempt.cost;
  attempt.retryAt = retryAt;
}

/** Whatever attempt is still out there when the task ends can only bring a late result. */
function end(state: TaskState, status: TaskState['status']): TaskState {
  const live = liveAttempt(state);
  if (live !== null) live.status = 'abandoned';
  for (const attempt of state.attempts) attempt.retryAt = null;
  state.status = status;
  // A result that came while another attempt ran: not needed where that one delivered.
  if (status !== 'completed') deliverLate(state);
  return state;
}

function deliverLate(state: TaskState): void {
  if (state.late?.policy === 'deliver_free') state.assets.push(...state.late.assets.map((asset) => ({ ...asset, late: true })));
}

/** Null where the task has no such asset: of several late results, the first success is the one that counts. */
export function assetAt(state: TaskState, place: AssetPlace): KeepableAsset | null {
  return assetsAt(state, place)[0] ?? null;
}

/** A late result's stands twice once it was delivered: as what arrived, and as what the task has. */
function assetsAt(state: TaskState, { index, late, sourceUrl }: AssetPlace): KeepableAsset[] {
  const delivered = state.assets.filter((asset) => asset.late === late)[index];
  const arrived = late ? state.late?.assets[index] : undefined;
  return [arrived, delivered].filter((asset) => asset !== undefined && asset.url === sourceUrl) as KeepableAsset[];
}

/** Attempts are numbered from 1 in the order of their dispatch. */
export function attemptOf(state: TaskState, number: number): AttemptState | null {
  return state.attempts[number - 1] ?? null;
}
