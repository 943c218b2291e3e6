// 2 decide · what a task's facts add up to, and the one question everybody asks of it: is it over?
import type { Credits, ErasableRef, InstantMs, JsonObject, Money } from '#libs/kernel';
import type { Asset, DeadlinePolicy, Failure, KeptAsset, LateResultPolicy, TaskBrief } from './task.facts.js';

export type TaskStatus = 'pending' | 'processing' | 'completed' | 'failed' | 'timed_out' | 'cancelled' | 'rejected';

/** `abandoned`: the task ended without its verdict, or it was given up as lost; its verdict can only be a late result any more. */
export type AttemptStatus = 'dispatching' | 'submission_unknown' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'abandoned';

export interface AttemptState {
  number: number;
  provider: string;
  clientJobId: string;
  providerJobId: string | null;
  status: AttemptStatus;
  cost: Money | null;
  /** Set when it failed and another is to follow. */
  retryAt: InstantMs | null;
}

/** An asset as its maker delivered it, and what became of the copy that we make. */
export interface KeepableAsset extends Asset {
  /** Only once it is copied. */
  kept?: KeptAsset;
  /** Only where it was not to be had. */
  isGivenUp?: true;
}

export interface TaskState {
  /** False before the first fact. */
  exists: boolean;
  taskId: string;
  accountId: string;
  userId: string | null;
  model: string;
  family: string;
  provider: string;
  parameters: JsonObject;
  prompt: ErasableRef | null;
  metadata: ErasableRef | null;
  /** Only of a task with a brief. */
  brief?: TaskBrief;
  credits: Credits;
  priceVersion: string;
  quoteId: string | null;
  status: TaskStatus;
  attempts: AttemptState[];
  percent: number | null;
  assets: Array<KeepableAsset & { late: boolean }>;
  deliveredFraction: string | null;
  /** Only where more than all was delivered. */
  excess?: 'cap' | 'debt';
  failure: Failure | null;
  createdAt: InstantMs;
  updatedAt: InstantMs;
  deadlineAt: InstantMs;
  deadlinePolicy: DeadlinePolicy;
  holdUntil: InstantMs;
  cancellationRequested: boolean;
  late: {
    policy: LateResultPolicy;
    outcome: 'succeeded' | 'failed';
    accepted: boolean;
    assets: KeepableAsset[];
    deliveredFraction: string;
  } | null;
}
