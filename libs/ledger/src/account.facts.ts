// 2 decide · every fact of an account's stream, with what finance and support will ask of it, so that no reader has to replay.
import type { Credits, ErasableRef, Fact, Iso, Money } from '#libs/kernel';

export const BUCKETS = ['subscription', 'purchased', 'promotional', 'referral'] as const;
export type Bucket = (typeof BUCKETS)[number];

/** One grant's counters around a movement. `gone` = consumed + expired + revoked + reissued + adjusted + repaid (finance.md: x). */
export interface GrantCounters {
  available: Credits;
  held: Credits;
  gone: Credits;
}

/** One grant's part in a fact: `credits` moved, and the grant before and after. */
export interface GrantPart {
  grantId: string;
  bucket: Bucket;
  credits: Credits;
  /** The whole grant: N and B of the recognition formula f(x) = ⌊B·x/N⌋. */
  size: Credits;
  costBasis: Money | null;
  expiresAt: Iso | null;
  before: GrantCounters;
  after: GrantCounters;
}

/** What a new grant is made of. */
export interface GrantTerms {
  grantId: string;
  bucket: Bucket;
  credits: Credits;
  expiresAt: Iso | null;
  reference: string | null;
  costBasis: Money | null;
  reissuedFrom: string | null;
  /** Only on what is reissued from a grant under an open dispute: it is frozen with it. */
  disputeId?: string;
}

/** Held (or goodwill) credits that could not go back to their lapsed grant: `grace` moved them to a grant of their own. */
export interface Reissue {
  /** The lapsed grant; its `gone` counts the credits as reissued. */
  from: GrantPart;
  grant: GrantTerms;
}

export type LapsedRefundPolicy = 'grace' | 'expire';
export type OverConsumptionPolicy = 'reject' | 'cap' | 'debt';

/** One attempt's cost at its provider, as known when the fact was made. */
export interface ProviderCost {
  attempt: number;
  provider: string;
  providerJobId: string | null;
  model: string;
  cost: Money;
  /** True under `expenses:absorbed`: nothing was consumed for it. */
  absorbed: boolean;
}

export interface ReservationTerms {
  /** The task's id; `<task id>.late` for a late result taken at the quoted price. */
  reservationId: string;
  taskId: string;
  model: string;
  priceVersion: string;
  quoteId: string | null;
  /** The quote's end: its use count is dropped from the state after it. */
  quoteExpiresAt: Iso | null;
  credits: Credits;
  /** In burn order. */
  drawdown: GrantPart[];
}

/** A hold's way back, shared by consumption in part and refund. */
export interface Release {
  /** Parts that went held → available of their own grant, in reverse order of the drawdown. */
  returned: GrantPart[];
  reissued: Reissue[];
  /** The policy that decided over lapsed grants; null when none had lapsed. */
  policy: { lapsedRefund: LapsedRefundPolicy; graceDays: number } | null;
}

/** Goodwill whose grant was revoked: it lowers what is owed or is a new grant of the bucket, counted against what the task consumed. */
export interface GoodwillOrigin {
  taskId: string;
  reservationId: string;
  model: string;
  /** The revoked grant that the task had consumed from; null for what it used beyond its reservation, which came from none. */
  fromGrantId: string | null;
  reason: string;
}

/** The money of a lost grant that no part of its own carries, in its cost basis' currency. All 0 without a cost basis. */
export interface GrantLoss {
  /** What its expired credits took from deferred revenue: `revenue:breakage` + / `assets:clearing` −. */
  expiredMinor: number;
  /** What its negative adjustments took: `revenue:adjustment` + / `assets:clearing` −. */
  adjustedMinor: number;
  /**
   * What the rounding of goodwill left where no spent credits are left, a unit or two of either sign: it becomes no debt, because there are
   * no credits to owe, and goes where a debt repaid at once would leave it: `revenue:debt` + / `assets:clearing` −. Else 0.
   */
  roundingMinor: number;
}

/** What became debt: spent credits of a revoked grant, or what a provider used beyond a reservation. */
export interface DebtTerms {
  debtId: string;
  /** D. At least 1. */
  credits: Credits;
  /** M: what these credits took from the grant's deferred revenue; null where it had no cost basis. Can be 0, or a rounding below it. */
  money: Money | null;
  /** The revoked grant and its bucket; both null for an over-consumption. */
  grantId: string | null;
  bucket: Bucket | null;
}

/** Some credits of one debt that were settled, and the debt before and after. */
export interface DebtSettlement extends DebtTerms {
  /** r of this fact; the others are of the whole debt. */
  settled: Credits;
  settledBefore: Credits;
  settledAfter: Credits;
  /** g = ⌊M·settledAfter/D⌋ − ⌊M·settledBefore/D⌋, in the debt's currency: what leaves the receivable. Null where the debt has no money. */
  receivable: Money | null;
}

/** A dispute's grants as the fact that opened or ended it left them; `debt` is what it made debt so far. */
export interface DisputeCredits {
  available: Credits;
  held: Credits;
  /** Net of goodwill. */
  consumed: Credits;
  revoked: Credits;
  debt: Credits;
}

/** What an adjustment is asked to do; the same in the request for approval and in the fact that applies it. */
export interface AdjustmentTerms {
  adjustmentId: string;
  bucket: Bucket;
  /** Signed, never 0. */
  credits: Credits;
  reason: string;
  ticket: string;
  /** The API key that asked for it. */
  requestedBy: string;
  /** The most credits, plus or minus, that needed no second person when it was asked for. */
  limit: Credits;
}

interface Decided {
  /** The instant the decision saw: validity of grants was judged at it. */
  decidedAt: Iso;
}

export type AccountFact =
  | Fact<
      'AccountOpened',
      Decided & {
        accountId: string;
        name: ErasableRef;
        plan: string;
        planVersion: number;
        timezone: string;
        billingAnchor: Iso;
        nextResetAt: Iso;
        /** The number of the boundary at nextResetAt. */ nextCycle: number;
      }
    >
  | Fact<
      'PlanChanged',
      Decided & {
        from: string;
        to: string;
        planVersion: number;
        effective: 'now' | 'next_reset' | 'pending_cancelled';
        upgradeCredit: 'full' | 'prorated' | null;
      }
    >
  | Fact<
      'CreditsGranted',
      Decided &
        GrantTerms & { cause: 'allowance' | 'upgrade' | 'api' | 'goodwill'; /** Only with cause `goodwill`. */ goodwill?: GoodwillOrigin }
    >
  | Fact<'CreditsReserved', Decided & { burnOrder: Bucket[]; reservations: ReservationTerms[] }>
  | Fact<
      'CreditsConsumed',
      Decided &
        Release & {
          reservationId: string;
          taskId: string;
          model: string;
          held: Credits;
          consumed: Credits;
          deliveredFraction: string;
          parts: GrantPart[];
          providerCost: ProviderCost[];
          overConsumption: OverConsumptionPolicy | null;
        }
    >
  | Fact<
      'CreditsRefunded',
      Decided &
        Release & {
          kind: 'hold' | 'goodwill';
          reservationId: string;
          taskId: string;
          model: string;
          credits: Credits;
          reason: string;
          providerCost: ProviderCost[];
        }
    >
  /** One lapsed grant's unheld credits; effective at the grant's own `expiresAt`. */
  | Fact<'CreditsExpired', Decided & { part: GrantPart; cause: 'expiry' | 'lapsed_refund'; effectiveAt: Iso; taskId: string | null }>
  | Fact<
      'CycleReset',
      Decided & {
        cause: 'boundary' | 'operator';
        reason: string | null;
        cycle: number;
        effectiveAt: Iso;
        lapsed: GrantPart[];
        granted: GrantTerms | null;
        plan: string;
        planVersion: number;
        previousPlan: string;
        nextResetAt: Iso;
      }
    >
  /**
   * What was available is taken back, which may be nothing; a held part follows when it comes back (`returned_hold`). Of version 1 there
   * are only requests that forgave what was spent: without `disputeId`, `spent` and `loss`.
   */
  | Fact<
      'GrantRevoked',
      Decided & {
        part: GrantPart;
        reason: string;
        cause: 'request' | 'returned_hold' | 'dispute_lost';
        taskId: string | null;
        /** The lost dispute that revoked it; of a returned hold, the one that had. */
        disputeId?: string | null;
        /** Whether what was spent of it is forgiven (the default) or debt: then DebtRecorded follows in the same append, if anything was. */
        spent?: 'forgive' | 'debt';
        /** Only where what was spent becomes debt; null on a returned hold, whose part is all. */
        loss?: GrantLoss | null;
      }
    >
  /** Freezes its grants and what was reissued from them; moves no credits and no money. */
  | Fact<
      'DisputeOpened',
      Decided & {
        disputeId: string;
        /** As it was asked for, or else the disputed grant's own. */
        reference: string | null;
        reason: string;
        /** Oldest first. `frozen` is what was available of it. */
        grants: Array<{ grantId: string; bucket: Bucket; frozen: Credits }>;
        credits: DisputeCredits;
      }
    >
  /** Thaws its grants; moves no credits and no money. Those reissued since it was opened are among them. */
  | Fact<
      'DisputeWon',
      Decided & { disputeId: string; grants: Array<{ grantId: string; bucket: Bucket; frozen: Credits }>; credits: DisputeCredits }
    >
  /** The last fact of its append: a GrantRevoked of each of its grants and the DebtRecorded of each come before it. Moves nothing itself. */
  | Fact<'DisputeLost', Decided & { disputeId: string; grantIds: string[]; credits: DisputeCredits }>
  /**
   * Credits: `debt:<account>` → `revoked:<bucket>:spent` (over-consumption: → `consumed:<model>`). Money: `assets:receivable:<account>` + /
   * `assets:clearing` −, by `money`.
   */
  | Fact<
      'DebtRecorded',
      Decided &
        DebtTerms & {
          /** `held_part`: what was held when its grant was revoked has been consumed since. */
          cause: 'dispute_lost' | 'revocation' | 'held_part' | 'over_consumption';
          disputeId: string | null;
          /** Of a held part and an over-consumption. */
          taskId: string | null;
          reservationId: string | null;
          model: string | null;
        }
    >
  /**
   * `purchase`: the new purchased grant's credits go to the debts, oldest first. Credits: `…:purchased:available` → `debt:<account>`; money:
   * deferred revenue + f(r) of `part`, receivable − Σ `receivable`, the difference in each currency to `revenue:debt`.
   * `goodwill`: what a task had consumed of a revoked grant (or beyond its reservation) is no longer owed. Credits: `consumed:<model>` →
   * `debt:<account>`; money: `revenue:usage:<model>` + / receivable −, by `receivable`. No grant's available moves.
   */
  | Fact<
      'DebtRepaid',
      Decided & {
        cause: 'purchase' | 'goodwill';
        /** The sum of what is settled. */
        credits: Credits;
        /** `purchase`: the new grant, available → repaid. `goodwill`: the revoked grant, consumed → revoked, so that its counters stand still; null for an over-consumption. */
        part: GrantPart | null;
        settlements: DebtSettlement[];
        /** Only with cause `goodwill`. */
        goodwill: GoodwillOrigin | null;
      }
    >
  /** Above the limit: waits for a second person; moves nothing. */
  | Fact<'AdjustmentRequested', Decided & AdjustmentTerms>
  | Fact<'AdjustmentRejected', Decided & { adjustmentId: string; rejectedBy: string; reason: string }>
  /**
   * Plus: `adjusted:<bucket>` → available of `granted`. Minus: `parts`, available → `adjusted:<bucket>`, deferred revenue + /
   * `revenue:adjustment` −, f(x′) − f(x) of each part.
   */
  | Fact<
      'CreditsAdjusted',
      Decided &
        AdjustmentTerms & {
          /** Null where no approval was needed. */ approvedBy: string | null;
          granted: GrantTerms | null;
          parts: GrantPart[];
        }
    >
  | Fact<'ProviderCostBooked', Decided & { taskId: string; providerCost: ProviderCost }>
  | Fact<'AccountSuspended', Decided & { reason: string }>
  | Fact<'AccountResumed', Decided & { reason: string }>;

export type AccountFactType = AccountFact['type'];

/** The schema version that this code writes, by type. */
export const ACCOUNT_FACT_VERSIONS: Readonly<Record<AccountFactType, number>> = {
  AccountOpened: 1,
  PlanChanged: 1,
  CreditsGranted: 1,
  CreditsReserved: 1,
  CreditsConsumed: 1,
  CreditsRefunded: 1,
  CreditsExpired: 1,
  CycleReset: 1,
  GrantRevoked: 2,
  DisputeOpened: 1,
  DisputeWon: 1,
  DisputeLost: 1,
  DebtRecorded: 1,
  DebtRepaid: 1,
  AdjustmentRequested: 1,
  AdjustmentRejected: 1,
  CreditsAdjusted: 1,
  ProviderCostBooked: 1,
  AccountSuspended: 1,
  AccountResumed: 1,
};
