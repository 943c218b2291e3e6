// 2 decide · what a task can be told after it was submitted; submission itself is decided with its reservation, in settlement.
import type { InstantMs, Money } from '#libs/kernel';
import type { Asset, Failure, LateResultPolicy, StoredAsset, UnstoredAsset } from './task.facts.js';

export type TaskCommand =
  /** Starts attempt n+1; refused (`conflict`) unless no attempt is live and the task is not over. */
  | { type: 'Dispatch'; provider: string }
  | { type: 'Accept'; attempt: number; providerJobId: string }
  | { type: 'MarkSubmissionUnknown'; attempt: number; detail: string }
  | { type: 'Progress'; attempt: number; percent: number }
  /**
   * The attempt is over; the task goes on if `retryAt` is set, else it fails with it. `lost`: given up without a verdict, so that what it may
   * still bring is a late result; unchanged where it is given up already.
   */
  | { type: 'FailAttempt'; attempt: number; failure: Failure; cost: Money | null; retryAt: InstantMs | null; lost?: true }
  /** On a task that is over, or of an attempt that was given up, this becomes LateResultArrived, once per attempt. */
  | {
      type: 'Complete';
      attempt: number;
      assets: Asset[];
      deliveredFraction: string;
      /** Whether more than all is taken as said: the ledger then charges what was held, or makes the rest debt. Else it is refused. */
      excess?: 'cap' | 'debt' | undefined;
      actualDurationSeconds: string | null;
      cost: Money | null;
      lateResultPolicy: LateResultPolicy;
    }
  | { type: 'Fail'; attempt: number | null; failure: Failure; cost: Money | null; lateResultPolicy: LateResultPolicy; lost?: true }
  /** Unchanged before the instant that the policy names, or once over. */
  | { type: 'TimeOut' }
  /** Done at once where no attempt is live, requested where one is, too late (unchanged) once over. */
  | { type: 'RequestCancellation'; reason: string | null }
  /** The provider confirmed. */
  | { type: 'Cancel'; attempt: number | null; cost: Money | null }
  | { type: 'AcceptLateResult'; reservationId: string }
  /** Whatever became of the task; assets that it does not have, or whose outcome stands already, are passed over. */
  | { type: 'RecordAssets'; stored: StoredAsset[]; notStored: UnstoredAsset[] };
