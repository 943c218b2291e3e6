// The shapes of api.md and finance.md that the ledger answers with; one type for a write's answer and for a projected read.
import type { Credits, Money } from '#libs/kernel';
import type { Bucket, DisputeCredits } from './account.facts.js';

export interface AccountView {
  id: string;
  name: string | null;
  plan: string;
  pendingPlan: string | null;
  timezone: string;
  billingAnchor: string;
  status: 'active' | 'suspended';
  forgotten: boolean;
  nextReset: { at: string; allowance: Credits };
  createdAt: string;
  revision: number;
  position: string;
}

export interface BucketBalance {
  available: Credits;
  held: Credits;
  frozen: Credits;
}

export interface BalanceView {
  accountId: string;
  plan: string;
  available: Credits;
  held: Credits;
  frozen: Credits;
  debt: Credits;
  buckets: Record<Bucket, BucketBalance>;
  /** Grants with anything available or held, in burn order; lapsed credits are not available. */
  grants: Array<{
    id: string;
    bucket: Bucket;
    credits: Credits;
    available: Credits;
    held: Credits;
    /** The part of available that an open dispute keeps from being spent. */
    frozen: Credits;
    expiresAt: string | null;
    reference: string | null;
  }>;
  nextReset: { at: string; allowance: Credits };
  revision: number;
  position: string;
  asOf: string;
}

export interface GrantView {
  id: string;
  accountId: string;
  bucket: Bucket;
  credits: Credits;
  available: Credits;
  held: Credits;
  consumed: Credits;
  expired: Credits;
  revoked: Credits;
  reissued: Credits;
  adjusted: Credits;
  repaid: Credits;
  frozen: Credits;
  grantedAt: string;
  expiresAt: string | null;
  reference: string | null;
  costBasis: Money | null;
  recognisedMinor: number | null;
  deferredMinor: number | null;
  reissuedFrom: string | null;
  /** The dispute that is open over it, or was lost. */
  disputeId: string | null;
  position: string;
}

export const DISPUTE_STATUSES = ['open', 'won', 'lost'] as const;
export type DisputeStatus = (typeof DISPUTE_STATUSES)[number];

export interface DisputeView {
  id: string;
  accountId: string;
  grantIds: string[];
  reference: string | null;
  reason: string;
  status: DisputeStatus;
  /** Of its grants as they are; `debt` is what the loss made debt, repaid since or not. */
  credits: DisputeCredits;
  openedAt: string;
  closedAt: string | null;
  position: string;
}

export const ADJUSTMENT_STATUSES = ['applied', 'pending_approval', 'rejected'] as const;
export type AdjustmentStatus = (typeof ADJUSTMENT_STATUSES)[number];

export interface AdjustmentView {
  id: string;
  accountId: string;
  bucket: Bucket;
  /** Signed. */
  credits: Credits;
  reason: string;
  ticket: string;
  status: AdjustmentStatus;
  requestedBy: string;
  approvedBy: string | null;
  /** The grant that an adjustment upwards made. */
  grantId: string | null;
  createdAt: string;
  position: string;
}

export const MOVEMENT_TYPES = ['reserved', 'consumed', 'refunded', 'granted', 'expired', 'reset', 'adjusted', 'revoked', 'repaid'] as const;
export type MovementType = (typeof MOVEMENT_TYPES)[number];

export interface MovementView {
  position: string;
  at: string;
  accountId: string;
  type: MovementType;
  bucket: Bucket;
  grantId: string;
  /** The signed change of the grant's available. */
  credits: Credits;
  consumed: Credits;
  recordedAt: string;
  availableBefore: Credits;
  availableAfter: Credits;
  taskId: string | null;
  reason: string | null;
  actor: string;
  eventId: string;
  causationId: string | null;
  correlationId: string;
}
