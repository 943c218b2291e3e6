// 2 decide · what an account's facts add up to: everything a decision needs, nothing that grows with history but its grants.
import type { Credits, InstantMs, Money } from '#libs/kernel';
import type { AdjustmentTerms, Bucket, DebtTerms, LapsedRefundPolicy, OverConsumptionPolicy } from './account.facts.js';

export interface GrantState {
  id: string;
  bucket: Bucket;
  /** The whole grant: credits = available + held + consumed + expired + revoked + reissued + adjusted + repaid, always. */
  credits: Credits;
  available: Credits;
  held: Credits;
  /** Net of goodwill. */
  consumed: Credits;
  expired: Credits;
  revoked: Credits;
  reissued: Credits;
  adjusted: Credits;
  repaid: Credits;
  grantedAt: InstantMs;
  expiresAt: InstantMs | null;
  reference: string | null;
  costBasis: Money | null;
  reissuedFrom: string | null;
  /** Its cycle was ended early by an operator's reset: what comes back to it has lapsed, whatever `expiresAt` says. */
  lapsedEarly: boolean;
  /** Revoked: a hold that comes back is revoked with it. */
  isRevoked: boolean;
  /** Revoked so that what was spent is owed: a hold that is consumed becomes debt with it. */
  spentIsDebt: boolean;
  /** The dispute that freezes it, or that was lost over it; null again once it was won. */
  disputeId: string | null;
  /** What each kind of movement took from its deferred revenue so far, net; together f(gone). Null without a cost basis. */
  money: GrantMoney | null;
  /** Of the latest fact that names it. */
  revision: number;
}

/** Minor units of the cost basis' currency. Rounding can leave a unit or two of either sign where the credits are 0. */
export interface GrantMoney {
  consumed: number;
  expired: number;
  revoked: number;
  reissued: number;
  adjusted: number;
  repaid: number;
}

/** A debt that is not settled yet. */
export interface DebtState extends DebtTerms {
  settled: Credits;
}

export interface DisputeState {
  disputeId: string;
  /** Those reissued while it was open are among them. */
  grantIds: string[];
  reference: string | null;
  reason: string;
  status: 'open' | 'won' | 'lost';
  openedAt: InstantMs;
  closedAt: InstantMs | null;
  /** What it made debt, settled or not. */
  debt: Credits;
  /** Of its latest fact. */
  revision: number;
}

/** One that had to be approved: those within the limit were applied at once, and are remembered by their facts alone. */
export interface AdjustmentState extends AdjustmentTerms {
  status: 'pending_approval' | 'applied' | 'rejected';
  approvedBy: string | null;
  grantId: string | null;
  createdAt: InstantMs;
  revision: number;
}

export interface ReservationState {
  reservationId: string;
  taskId: string;
  model: string;
  credits: Credits;
  quoteId: string | null;
  drawdown: Array<{ grantId: string; credits: Credits }>;
}

export interface AccountState {
  /** Of the last fact folded; -1 before the first. */
  revision: number;
  /** False before AccountOpened: the account does not exist. */
  isOpen: boolean;
  accountId: string;
  plan: string;
  /** Takes the plan's place at the next reset. */
  pendingPlan: string | null;
  timezone: string;
  billingAnchor: InstantMs;
  /** Of the next boundary: boundary n is n months after the anchor. */
  nextCycle: number;
  nextResetAt: InstantMs;
  openedAt: InstantMs;
  status: 'active' | 'suspended';
  /** By grant id, in order of granting. */
  grants: Map<string, GrantState>;
  /** Ids of grants that have available credits: what a reservation looks through, and nothing else. */
  spendable: Set<string>;
  /** Open holds by reservation id. */
  reservations: Map<string, ReservationState>;
  /** Uses of quotes that have not expired yet. */
  quoteUses: Map<string, { uses: number; expiresAt: InstantMs }>;
  /** Goodwill given back so far, by task and grant: bounds what may still be given. Only tasks that had any. */
  goodwill: Map<string, Map<string, Credits>>;
  /** Debts that are not settled, oldest first. */
  debts: Map<string, DebtState>;
  /** Every dispute there was: each can be asked for its ending again. */
  disputes: Map<string, DisputeState>;
  /** Those that had to be approved, decided or not. */
  adjustments: Map<string, AdjustmentState>;
  available: Credits;
  held: Credits;
  /** The part of available that an open dispute keeps from being spent. */
  frozen: Credits;
  /** What is owed: the credits of `debts` that are not settled. */
  debt: Credits;
}

/** Policies of the deployment, by configuration, named in the facts they decide. */
export interface LedgerPolicies {
  burnOrder: readonly Bucket[];
  lapsedRefund: LapsedRefundPolicy;
  graceDays: number;
  overConsumption: OverConsumptionPolicy;
  /** The most credits, plus or minus, that are adjusted without a second person. */
  adjustmentLimit: Credits;
}

/** What the ledger needs to know of a plan; from the catalogue. */
export interface PlanTerms {
  id: string;
  version: number;
  rank: number;
  monthlyAllowance: Credits;
  upgradeCredit: 'full' | 'prorated';
}

/** What a decision is given beside state and command. */
export interface LedgerContext {
  policies: LedgerPolicies;
  /** The plan as defined now; null for an unknown one. */
  planTerms: (plan: string) => PlanTerms | null;
  /** Ids for grants that the decision makes, derived from the command: `grant_<hex>`, the same again for the same command. */
  nextGrantId: () => string;
  /** Likewise for debts: `debt_<hex>`. */
  nextDebtId: () => string;
}
