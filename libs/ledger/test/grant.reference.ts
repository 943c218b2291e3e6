// A grant of the naive account: where each of its credits is, and what of its cost went with those that are gone.

export type ReferenceBucket = 'subscription' | 'purchased' | 'promotional' | 'referral';

/** Where one credit is. */
export type Place = 'available' | 'held' | Gone;
export type Gone = 'consumed' | 'expired' | 'revoked' | 'reissued' | 'adjusted' | 'repaid';

export interface ReferenceGrant {
  id: string;
  bucket: ReferenceBucket;
  credits: Place[];
  grantedAt: number;
  end: number | null;
  /** What it cost, in minor units of one currency; null for nothing. */
  cost: bigint | null;
  from: string | null;
  reference: string | null;
  cycleEndedEarly: boolean;
  revoked: boolean;
  /** Revoked, and what was spent is owed. */
  owed: boolean;
  dispute: string | null;
  /** What every kind of movement took of the cost, net. */
  out: Record<Gone, bigint>;
  /** Of `revoked`: what went back to the payer, not what goodwill wrote off. */
  takenBack: bigint;
  /** Credits that goodwill wrote off. */
  writtenOff: number;
}

export interface ReferenceDispute {
  grants: ReferenceGrant[];
  status: 'open' | 'won' | 'lost';
}

export interface ReferenceAdjustment {
  bucket: ReferenceBucket;
  credits: number;
  by: string;
  status: 'pending' | 'applied' | 'rejected';
}

/** One held or consumed credit. */
export type Drawn = [grant: ReferenceGrant, index: number];

export interface ReferencePlan {
  rank: number;
  allowance: number;
  upgrade: 'full' | 'prorated';
}

export interface ReferenceOptions {
  burnOrder: readonly ReferenceBucket[];
  lapsedRefund: 'grace' | 'expire';
  graceDays: number;
  overConsumption: 'reject' | 'cap' | 'debt';
  adjustmentLimit: number;
  plans: Readonly<Record<string, ReferencePlan>>;
  /** Hours east of UTC, without daylight saving. */
  zoneHours: number;
}

export interface ReferenceRequest {
  task: string;
  credits: number;
  rank: number;
  quote: { id: string; quantity: number; end: number } | null;
}

export type ReferenceOutcome = 'done' | 'unchanged' | `refused ${string}`;

export function count(grant: ReferenceGrant, place: Place): number {
  return grant.credits.filter((credit) => credit === place).length;
}

export function goneOf(grant: ReferenceGrant): number {
  return grant.credits.filter((credit) => credit !== 'available' && credit !== 'held').length;
}

/** ⌊cost × gone ÷ size⌋ */
export function recognised(grant: ReferenceGrant, gone: number): bigint {
  return ((grant.cost ?? 0n) * BigInt(gone)) / BigInt(grant.credits.length);
}

export function isFrozen(grant: ReferenceGrant): boolean {
  return grant.dispute !== null && !grant.revoked;
}

/** One credit goes to another place, and takes with it what one more, or one fewer, gone makes of the cost. */
export function put(grant: ReferenceGrant, index: number, to: Place): void {
  const from = grant.credits[index] as Place;
  const before = recognised(grant, goneOf(grant));
  grant.credits[index] = to;
  const moved = recognised(grant, goneOf(grant)) - before;
  if (from !== 'available' && from !== 'held') grant.out[from] += moved;
  else if (to !== 'available' && to !== 'held') grant.out[to] += moved;
  if (to === 'revoked') grant.takenBack += moved;
}

export function putAll(grant: ReferenceGrant, from: Place, to: Place): void {
  grant.credits.forEach((credit, index) => {
    if (credit === from) put(grant, index, to);
  });
}
