// 2 decide · what an account's facts add up to: everything a decision needs, nothing that grows with history but its grants.
import type { Credits, InstantMs, Money } from '#libs/kernel';
import type { Bucket, LapsedRefundPolicy, OverConsumptionPolicy } from './account.facts.js';

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
  available: Credits;
  held: Credits;
}

/** Policies of the deployment, by configuration, named in the facts they decide. */
export interface LedgerPolicies {
  burnOrder: readonly Bucket[];
  lapsedRefund: LapsedRefundPolicy;
  graceDays: number;
  overConsumption: OverConsumptionPolicy;
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
}
