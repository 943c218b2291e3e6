// 2 decide · every fact of a task's stream: from the customer's wish to its one ending, and what came after it.
import type { Credits, ErasableRef, Fact, Iso, JsonObject, Money } from '#libs/kernel';

export interface Asset {
  url: string;
  mediaType: string;
  durationSeconds: string | null;
}

/** An asset of the task's completion or of its late result, by its place there; under `sourceUrl` its maker had it. */
export interface AssetPlace {
  index: number;
  late: boolean;
  sourceUrl: string;
}

/** Where an asset is kept by us, and what it is. */
export interface KeptAsset {
  url: string;
  mediaType: string;
  sha256: string;
  bytes: number;
  /** As measured; null where it was not, as the pixels. */
  durationSeconds: string | null;
  width: number | null;
  height: number | null;
}

export type StoredAsset = AssetPlace & KeptAsset;

/** Why an asset is not kept by us, for good: its maker's URL stays all that there is. */
export interface UnstoredAsset extends AssetPlace {
  code: string;
  detail: string;
}

export type Blame = 'customer' | 'provider' | 'platform';

export interface Failure {
  code: string;
  detail: string;
  blame: Blame;
  retryable: boolean;
}

export type DeadlinePolicy = 'release_now' | 'hold_until_verdict';
export type LateResultPolicy = 'deliver_free' | 'offer' | 'discard';

/** What a task keeps of the brief that it was made for. */
export interface TaskBrief {
  briefId: string;
  briefRevision: number;
  /** Null where the prompt was written by hand. */
  promptId: string | null;
  promptVersion: number | null;
  promptVersionId: string | null;
  /** Whether it took an attempt of the brief's budget. */
  budgeted: boolean;
  /** Whether its clip enters review by itself. */
  autoReview: boolean;
}

/** What a submission and its refusal both record: the wish and the state that the decision saw. */
export interface SubmissionData {
  taskId: string;
  accountId: string;
  userId: string | null;
  model: string;
  family: string;
  provider: string;
  prompt: ErasableRef | null;
  metadata: ErasableRef | null;
  /** Only of a task with a brief. */
  brief?: TaskBrief;
  /** What the prompt was rendered with beside the brief's own fields; only where there is any. */
  variables?: ErasableRef;
  /** As sent; fractions as the decimal string of their shortest form. */
  parameters: JsonObject;
  /** The quoted price. */
  credits: Credits;
  priceVersion: string;
  quoteId: string | null;
  plan: string;
  planVersion: number;
  /** Of the account that the decision saw, before its own facts. */
  accountRevision: number;
  decidedAt: Iso;
}

export interface DrawdownView {
  bucket: string;
  grantId: string;
  credits: Credits;
  expiresAt: Iso | null;
}

export type TaskFact =
  | Fact<
      'TaskSubmitted',
      SubmissionData & {
        drawdown: DrawdownView[];
        deadlineAt: Iso;
        deadlinePolicy: DeadlinePolicy;
        /** Of hold_until_verdict: when the hold ends without a verdict; else equal to deadlineAt. */ holdUntil: Iso;
      }
    >
  | Fact<
      'TaskRejected',
      SubmissionData & {
        code: 'insufficient_credits' | 'plan_required';
        detail: string;
        required: Credits;
        available: Credits;
        shortfall: Credits;
        requiredPlan: string;
        accountPlan: string;
        burnOrder: string[];
        /** What there was, in burn order. */ drawdown: DrawdownView[];
      }
    >
  | Fact<
      'TaskDispatched',
      {
        attempt: number;
        provider: string;
        /** Our own id of the attempt at the provider: what an unknown submission is looked up by. */ clientJobId: string;
        decidedAt: Iso;
      }
    >
  | Fact<'TaskAccepted', { attempt: number; providerJobId: string; decidedAt: Iso }>
  | Fact<'TaskSubmissionUnknown', { attempt: number; detail: string; decidedAt: Iso }>
  | Fact<'TaskProgressed', { attempt: number; /** 0…100 */ percent: number; decidedAt: Iso }>
  /** `lost`: given up without a verdict, which may still come as a late result. */
  | Fact<'TaskAttemptFailed', { attempt: number; failure: Failure; cost: Money | null; retryAt: Iso | null; lost?: true; decidedAt: Iso }>
  | Fact<
      'TaskCompleted',
      {
        attempt: number;
        assets: Asset[];
        deliveredFraction: string;
        /** Only where more than all was delivered: what the ledger does with it. Before there was debt, `cap` went without saying. */
        excess?: 'cap' | 'debt';
        actualDurationSeconds: string | null;
        cost: Money | null;
        /** Only of a task with a brief: the clip is made from it. */
        briefId?: string;
        decidedAt: Iso;
      }
    >
  | Fact<'TaskFailed', { attempt: number | null; failure: Failure; cost: Money | null; lost?: true; decidedAt: Iso }>
  | Fact<'TaskTimedOut', { attempt: number | null; deadlineAt: Iso; policy: DeadlinePolicy; decidedAt: Iso }>
  | Fact<'TaskCancellationRequested', { reason: string | null; decidedAt: Iso }>
  | Fact<'TaskCancelled', { attempt: number | null; cost: Money | null; decidedAt: Iso }>
  /** A verdict after the ending, or of an attempt that was given up. `assets` is empty when it was no success, or policy `discard`. */
  | Fact<
      'LateResultArrived',
      {
        attempt: number;
        outcome: 'succeeded' | 'failed';
        assets: Asset[];
        deliveredFraction: string;
        policy: LateResultPolicy;
        cost: Money | null;
        decidedAt: Iso;
      }
    >
  /** Policy `offer`: the customer took it at the quoted price. */
  | Fact<'LateResultAccepted', { reservationId: string; credits: Credits; /** As in TaskCompleted. */ briefId?: string; decidedAt: Iso }>
  /** Its assets were copied to where they stay, also after the ending; each asset once. */
  | Fact<'TaskAssetsStored', { assets: StoredAsset[]; decidedAt: Iso }>
  /** Tried in vain, and given up. */
  | Fact<'TaskAssetsNotStored', { assets: UnstoredAsset[]; decidedAt: Iso }>;

export type TaskFactType = TaskFact['type'];

export const TASK_FACT_VERSIONS: Readonly<Record<TaskFactType, number>> = {
  TaskSubmitted: 1,
  TaskRejected: 1,
  TaskDispatched: 1,
  TaskAccepted: 1,
  TaskSubmissionUnknown: 1,
  TaskProgressed: 1,
  TaskAttemptFailed: 1,
  TaskCompleted: 1,
  TaskFailed: 1,
  TaskTimedOut: 1,
  TaskCancellationRequested: 1,
  TaskCancelled: 1,
  LateResultArrived: 1,
  LateResultAccepted: 1,
  TaskAssetsStored: 1,
  TaskAssetsNotStored: 1,
};

/** The facts that end a task: after one of them no other of them can follow. */
export const TASK_ENDINGS = ['TaskCompleted', 'TaskFailed', 'TaskTimedOut', 'TaskCancelled', 'TaskRejected'] as const;
