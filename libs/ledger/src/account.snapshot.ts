// 3 append · how an account's state is kept between its facts: terse lists, versioned, rebuilt from the log when the version moves on.
import type { JsonObject, JsonValue, Money } from '#libs/kernel';
import type { Bucket } from './account.facts.js';
import type { AccountState, GrantState, ReservationState } from './account.state.js';
import { initialAccount } from './account.evolve.js';

/** Raise it whenever the lists below change their meaning: snapshots of another version are ignored. */
const VERSION = 1;

type GrantRow = [
  string,
  Bucket,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number | null,
  string | null,
  string | 0,
  number,
  string | null,
  number,
];
type ReservationRow = [string, string, string, number, string | null, Array<string | number>];

const FLAG_LAPSED_EARLY = 1;
const FLAG_REVOKED = 2;

function encodeGrant(grant: GrantState): GrantRow {
  const flags = (grant.lapsedEarly ? FLAG_LAPSED_EARLY : 0) | (grant.isRevoked ? FLAG_REVOKED : 0);
  const { id, bucket, credits, available, held, consumed, expired, revoked, reissued, adjusted, repaid, grantedAt, expiresAt, reference } =
    grant;
  const money = grant.costBasis;
  return [
    id,
    bucket,
    credits,
    available,
    held,
    consumed,
    expired,
    revoked,
    reissued,
    adjusted,
    repaid,
    grantedAt,
    expiresAt,
    reference,
    money?.currency ?? 0,
    money?.amountMinor ?? 0,
    grant.reissuedFrom,
    flags,
  ];
}

function decodeGrant(row: GrantRow): GrantState {
  const [
    id,
    bucket,
    credits,
    available,
    held,
    consumed,
    expired,
    revoked,
    reissued,
    adjusted,
    repaid,
    grantedAt,
    expiresAt,
    reference,
    currency,
    amountMinor,
    reissuedFrom,
    flags,
  ] = row;
  const costBasis: Money | null = currency === 0 ? null : { currency, amountMinor };
  return {
    ...{
      id,
      bucket,
      credits,
      available,
      held,
      consumed,
      expired,
      revoked,
      reissued,
      adjusted,
      repaid,
      grantedAt,
      expiresAt,
      reference,
      costBasis,
      reissuedFrom,
    },
    lapsedEarly: (flags & FLAG_LAPSED_EARLY) !== 0,
    isRevoked: (flags & FLAG_REVOKED) !== 0,
  };
}

function encodeReservation(reservation: ReservationState): ReservationRow {
  const { reservationId, taskId, model, credits, quoteId, drawdown } = reservation;
  return [
    reservationId,
    taskId === reservationId ? '' : taskId,
    model,
    credits,
    quoteId,
    drawdown.flatMap((part) => [part.grantId, part.credits]),
  ];
}

function decodeReservation([reservationId, taskId, model, credits, quoteId, flat]: ReservationRow): ReservationState {
  const drawdown: ReservationState['drawdown'] = [];
  for (let i = 0; i < flat.length; i += 2) drawdown.push({ grantId: flat[i] as string, credits: flat[i + 1] as number });
  return { reservationId, taskId: taskId === '' ? reservationId : taskId, model, credits, quoteId, drawdown };
}

interface AccountSnapshot {
  a: [string, string, string | null, string, number, number, number, number, 'active' | 'suspended'];
  g: GrantRow[];
  r: ReservationRow[];
  q: Array<[string, number, number]>;
  w: Array<[string, Array<[string, number]>]>;
}

function encode(state: AccountState): JsonValue {
  const snapshot: AccountSnapshot = {
    a: [
      state.accountId,
      state.plan,
      state.pendingPlan,
      state.timezone,
      state.billingAnchor,
      state.nextCycle,
      state.nextResetAt,
      state.openedAt,
      state.status,
    ],
    g: Array.from(state.grants.values(), encodeGrant),
    r: Array.from(state.reservations.values(), encodeReservation),
    q: Array.from(state.quoteUses, ([quoteId, use]) => [quoteId, use.uses, use.expiresAt]),
    w: Array.from(state.goodwill, ([taskId, byGrant]) => [taskId, [...byGrant]]),
  };
  return snapshot as unknown as JsonObject;
}

function decode(value: JsonValue): AccountState {
  const snapshot = value as unknown as AccountSnapshot;
  const state = initialAccount();
  state.isOpen = true;
  [
    state.accountId,
    state.plan,
    state.pendingPlan,
    state.timezone,
    state.billingAnchor,
    state.nextCycle,
    state.nextResetAt,
    state.openedAt,
    state.status,
  ] = snapshot.a;
  for (const row of snapshot.g) {
    const grant = decodeGrant(row);
    state.grants.set(grant.id, grant);
    state.available += grant.available;
    state.held += grant.held;
    if (grant.available > 0) state.spendable.add(grant.id);
  }
  for (const row of snapshot.r) state.reservations.set(row[0], decodeReservation(row));
  for (const [quoteId, uses, expiresAt] of snapshot.q) state.quoteUses.set(quoteId, { uses, expiresAt });
  for (const [taskId, byGrant] of snapshot.w) state.goodwill.set(taskId, new Map(byGrant));
  return state;
}

/** An account with a hundred thousand open holds is not written out every thousand facts. */
function weight(state: AccountState): number {
  return state.reservations.size + state.grants.size;
}

/** A snapshot changes the cost of a load, never its meaning. Only an opened account has one. */
export const accountSnapshot = { version: VERSION, encode, decode, weight };

/** A state that can be evolved without touching the original: the decider's, where something is due. */
export function cloneAccount(state: AccountState): AccountState {
  const copy: AccountState = {
    ...state,
    grants: new Map(),
    spendable: new Set(state.spendable),
    reservations: new Map(state.reservations),
    quoteUses: new Map(state.quoteUses),
    goodwill: new Map(),
  };
  for (const [id, grant] of state.grants) copy.grants.set(id, { ...grant });
  for (const [taskId, byGrant] of state.goodwill) copy.goodwill.set(taskId, new Map(byGrant));
  return copy;
}
