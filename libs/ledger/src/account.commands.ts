// 2 decide · what an account can be asked; one decider switches over these exhaustively.
import type { Credits, ErasableRef, InstantMs, Money } from '#libs/kernel';
import type { Bucket, OverConsumptionPolicy, ProviderCost } from './account.facts.js';

export interface ReserveRequest {
  reservationId: string;
  taskId: string;
  model: string;
  priceVersion: string;
  credits: Credits;
  /** The lowest plan that may run it, with its rank. */
  minimumPlan: string;
  minimumPlanRank: number;
  quote: { id: string; quantity: number; expiresAt: InstantMs } | null;
}

export type AccountCommand =
  | {
      type: 'OpenAccount';
      accountId: string;
      name: ErasableRef;
      plan: string;
      timezone: string;
      /** Default: the instant of the decision. */ billingAnchor: InstantMs | null;
    }
  | {
      type: 'GrantCredits';
      bucket: Bucket;
      credits: Credits;
      expiresAt: InstantMs | null;
      reference: string | null;
      costBasis: Money | null;
    }
  | { type: 'ChangePlan'; plan: string }
  | { type: 'ResetCycle'; reason: string }
  /** All of them in one fact, or a refusal with the shortfall of the whole. */
  | { type: 'Reserve'; requests: ReserveRequest[]; openTasksMax: number }
  /** A task's ending. `deliveredFraction` "0"…"1" as an exact decimal; consumed = ⌊credits × fraction⌋, in the customer's favour. */
  | {
      type: 'Consume';
      reservationId: string;
      deliveredFraction: string;
      providerCost: Omit<ProviderCost, 'absorbed'>[];
      /** The policy under which the task took more than all as delivered; default: the one in force. */
      overConsumption?: OverConsumptionPolicy | undefined;
    }
  | { type: 'Refund'; reservationId: string; reason: string; providerCost: Omit<ProviderCost, 'absorbed'>[] }
  /** After consumption. `consumed` is what the task's CreditsConsumed fact took, in burn order, read from the log. */
  | {
      type: 'RefundGoodwill';
      taskId: string;
      model: string;
      reservationId: string;
      credits: Credits;
      reason: string;
      consumed: Array<{ grantId: string; credits: Credits }>;
      /** What it used beyond its reservation, which became debt. Default 0. */
      overConsumed?: Credits | undefined;
    }
  /** A late result taken at the quoted price: reserved and consumed in one append. */
  | {
      type: 'TakeLateResult';
      request: ReserveRequest;
      deliveredFraction: string;
      providerCost: Omit<ProviderCost, 'absorbed'>[];
      /** As for Consume. */
      overConsumption?: OverConsumptionPolicy | undefined;
    }
  /** `spent`: whether what was spent of it is forgiven (the default) or becomes debt, as in a lost dispute. */
  | { type: 'RevokeGrant'; grantId: string; reason: string; spent?: 'forgive' | 'debt' | undefined }
  /** Every grant of the reference, or the one grant, with what was reissued from them: exactly one of the two is named. */
  | { type: 'OpenDispute'; disputeId: string; reference: string | null; grantId: string | null; reason: string }
  | { type: 'EndDispute'; disputeId: string; outcome: 'won' | 'lost' }
  /** Applied at once, or a request for a second person's approval where it is above the limit. */
  | { type: 'Adjust'; adjustmentId: string; bucket: Bucket; credits: Credits; reason: string; ticket: string; requestedBy: string }
  | { type: 'ApproveAdjustment'; adjustmentId: string; approvedBy: string }
  | { type: 'RejectAdjustment'; adjustmentId: string; rejectedBy: string; reason: string }
  | { type: 'BookProviderCost'; taskId: string; providerCost: Omit<ProviderCost, 'absorbed'> }
  | { type: 'Suspend'; reason: string }
  | { type: 'Resume'; reason: string }
  /** Books every lapse and boundary that is due, in order; every other command does so first, in the same append. */
  | { type: 'BookDue' };

/** `unknown_grant` and `not_open` become 404 at the edge; the rest have their own codes in errors.ts. */
export type AccountRefusalCode =
  | 'insufficient_credits'
  | 'plan_required'
  | 'account_suspended'
  | 'already_exists'
  | 'not_found'
  | 'validation_failed'
  | 'conflict'
  | 'already_settled'
  | 'too_many_tasks'
  | 'quote_expired'
  | 'forbidden';
