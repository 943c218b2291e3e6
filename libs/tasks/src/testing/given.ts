// Given facts, when a command, then facts or a refusal: how the specs of tasks are written.
import { isRefusal, toIso, type InstantMs, type Refusal } from '#libs/kernel';
import type { TaskCommand } from '../task.commands.js';
import { decideTask, initialTask, evolveTask, type TaskDecision } from '../task.decider.js';
import type { Failure, TaskBrief, TaskFact } from '../task.facts.js';
import type { TaskState } from '../task.state.js';

export const SUBMITTED_AT = Date.parse('2026-11-21T12:00:00Z');
export const DEADLINE_AT = SUBMITTED_AT + 600_000;
export const HOLD_UNTIL = DEADLINE_AT + 3_600_000;

export const USD = { currency: 'USD', amountMinor: 35 };
export const ASSET = { url: 'https://assets.example/1.mp4', mediaType: 'video/mp4', durationSeconds: '5' };
export const KEPT = {
  url: '/v1/assets/abc.mp4',
  mediaType: 'video/mp4',
  sha256: 'a'.repeat(64),
  bytes: 1_234,
  durationSeconds: '4.96',
  width: 64,
  height: 36,
};
export const GONE = { code: 'source_gone', detail: 'The provider answered 404.' };
export const FAILURE: Failure = { code: 'provider_failed', detail: 'The vendor gave up.', blame: 'provider', retryable: true };

type Submitted = Extract<TaskFact, { type: 'TaskSubmitted' }>;

const SUBMISSION = {
  taskId: 'task_1',
  accountId: 'acc_1',
  userId: null,
  model: 'kling-ai-5s',
  family: 'kling',
  provider: 'simulator',
  prompt: null,
  metadata: null,
  parameters: {},
  credits: 70,
  priceVersion: 'kling-ai-5s@1',
  quoteId: null,
  plan: 'pro',
  planVersion: 1,
  accountRevision: 4,
  decidedAt: toIso(SUBMITTED_AT),
};

export const BRIEF: TaskBrief = {
  briefId: 'brief_1',
  briefRevision: 3,
  promptId: 'prompt_1',
  promptVersion: 2,
  promptVersionId: 'prompt_1@v2',
  budgeted: true,
  autoReview: false,
};

export function submitted(changes: Partial<Submitted['data']> = {}): Submitted {
  const deadlineAt = toIso(DEADLINE_AT);
  const data = { ...SUBMISSION, drawdown: [], deadlineAt, deadlinePolicy: 'release_now', holdUntil: deadlineAt } as const;
  return { type: 'TaskSubmitted', data: { ...data, drawdown: [], ...changes } };
}

/** Under `hold_until_verdict`, held an hour beyond the deadline at most. */
export function submittedToHold(): Submitted {
  return submitted({ deadlinePolicy: 'hold_until_verdict', holdUntil: toIso(HOLD_UNTIL) });
}

export function rejected(): TaskFact {
  const verdict = {
    code: 'insufficient_credits',
    detail: 'This needs 70 credits; 10 are available.',
    required: 70,
    available: 10,
    shortfall: 60,
  } as const;
  return {
    type: 'TaskRejected',
    data: { ...SUBMISSION, ...verdict, requiredPlan: 'free', accountPlan: 'pro', burnOrder: [], drawdown: [] },
  };
}

export function fold(facts: readonly TaskFact[]): TaskState {
  return facts.reduce(evolveTask, initialTask());
}

/** A task that lived through commands, each a second after the one before; what was refused or unchanged left nothing behind. */
export class Story {
  readonly facts: TaskFact[];
  at: InstantMs = SUBMITTED_AT;

  private constructor(facts: TaskFact[]) {
    this.facts = facts;
  }

  static given(...facts: TaskFact[]): Story {
    return new Story(facts);
  }

  get state(): TaskState {
    return fold(this.facts);
  }

  /** Decides without writing. */
  when(command: TaskCommand, at: InstantMs = this.at + 1_000): TaskDecision {
    return decideTask(this.state, command, at);
  }

  then(command: TaskCommand, at: InstantMs = this.at + 1_000): this {
    const decision = this.when(command, at);
    this.at = at;
    if (Array.isArray(decision)) this.facts.push(...decision);
    return this;
  }
}

export const dispatch: TaskCommand = { type: 'Dispatch', provider: 'simulator' };
export const accept = (attempt = 1, providerJobId = `job_${attempt}`): TaskCommand => ({ type: 'Accept', attempt, providerJobId });
export const unknown = (attempt = 1): TaskCommand => ({ type: 'MarkSubmissionUnknown', attempt, detail: 'read timeout' });
export const complete = (changes: Partial<Extract<TaskCommand, { type: 'Complete' }>> = {}): TaskCommand => ({
  type: 'Complete',
  attempt: 1,
  assets: [ASSET],
  deliveredFraction: '1',
  actualDurationSeconds: '5',
  cost: USD,
  lateResultPolicy: 'deliver_free',
  ...changes,
});
export const fail = (attempt: number | null = 1): TaskCommand => ({
  type: 'Fail',
  attempt,
  failure: FAILURE,
  cost: null,
  lateResultPolicy: 'deliver_free',
});
export const failAttempt = (retryAt: InstantMs | null, attempt = 1): TaskCommand => ({
  type: 'FailAttempt',
  attempt,
  failure: FAILURE,
  cost: USD,
  retryAt,
});
/** Given up without a verdict. */
export const lose = (retryAt: InstantMs | null, attempt = 1): TaskCommand => ({
  type: 'FailAttempt',
  attempt,
  failure: { ...FAILURE, code: 'worker_lost' },
  cost: null,
  retryAt,
  lost: true,
});
export const timeOut: TaskCommand = { type: 'TimeOut' };
export const requestCancellation: TaskCommand = { type: 'RequestCancellation', reason: 'changed my mind' };
export const cancel = (attempt: number | null = 1): TaskCommand => ({ type: 'Cancel', attempt, cost: USD });
export const acceptLate: TaskCommand = { type: 'AcceptLateResult', reservationId: 'task_1.late' };

export function types(decision: TaskDecision): string[] {
  return Array.isArray(decision) ? decision.map((fact) => fact.type) : [];
}

export function codeOf(decision: TaskDecision): string | null {
  return isRefusal(decision) ? (decision as Refusal).code : null;
}
