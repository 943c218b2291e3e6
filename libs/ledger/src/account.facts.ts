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
}

/** Held (or goodwill) credits that could not go back to their lapsed grant: `grace` moved them to a grant of their own. */
export interface Reissue {
  /** The lapsed grant; its `gone` counts the credits as reissued. */
  from: GrantPart;
  grant: GrantTerms;
}

export type LapsedRefundPolicy = 'grace' | 'expire';
export type OverConsumptionPolicy = 'reject' | 'cap';

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

/** Goodwill whose grant was revoked: a new grant of its bucket, counted against what the task consumed. */
export interface GoodwillOrigin {
  taskId: string;
  reservationId: string;
  model: string;
  /** The revoked grant that the task had consumed from. */
  fromGrantId: string;
  reason: string;
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
  /** What was available is taken back; a held part follows when it comes back. */
  | Fact<'GrantRevoked', Decided & { part: GrantPart; reason: string; cause: 'request' | 'returned_hold'; taskId: string | null }>
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
  GrantRevoked: 1,
  ProviderCostBooked: 1,
  AccountSuspended: 1,
  AccountResumed: 1,
};
