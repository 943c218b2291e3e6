// 3 append · how an account's state is kept between its facts: terse lists, versioned, rebuilt from the log when the version moves on.
import type { JsonObject, JsonValue, Money } from '#libs/kernel';
import type { Bucket } from './account.facts.js';
import type { AccountState, AdjustmentState, DebtState, DisputeState, GrantMoney, GrantState, ReservationState } from './account.state.js';
import { initialAccount } from './account.evolve.js';
import { isFrozen } from './grant-part.js';

/** Raise it whenever the lists below change their meaning: snapshots of another version are ignored. */
const VERSION = 2;

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
  number,
  string | 0,
  MoneyRow | 0,
];
type MoneyRow = [number, number, number, number, number, number];
type ReservationRow = [string, string, string, number, string | null, Array<string | number>];

const FLAG_LAPSED_EARLY = 1;
const FLAG_REVOKED = 2;
const FLAG_SPENT_IS_DEBT = 4;

function encodeGrant(grant: GrantState): GrantRow {
  const flags =
    (grant.lapsedEarly ? FLAG_LAPSED_EARLY : 0) | (grant.isRevoked ? FLAG_REVOKED : 0) | (grant.spentIsDebt ? FLAG_SPENT_IS_DEBT : 0);
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
    grant.revision,
    grant.disputeId ?? 0,
    grant.money === null ? 0 : (MONEY_COLUMNS.map((column) => grant.money?.[column] ?? 0) as MoneyRow),
  ];
}

const MONEY_COLUMNS = ['consumed', 'expired', 'revoked', 'reissued', 'adjusted', 'repaid'] as const satisfies ReadonlyArray<
  keyof GrantMoney
>;

function decodeMoney([consumed, expired, revoked, reissued, adjusted, repaid]: MoneyRow): GrantMoney {
  return { consumed, expired, revoked, reissued, adjusted, repaid };
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
    revision,
    disputeId,
    sentOut,
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
    spentIsDebt: (flags & FLAG_SPENT_IS_DEBT) !== 0,
    disputeId: disputeId === 0 ? null : disputeId,
    money: sentOut === 0 ? null : decodeMoney(sentOut),
    revision,
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
  a: [string, string, string | null, string, number, number, number, number, 'active' | 'suspended', number];
  g: GrantRow[];
  r: ReservationRow[];
  q: Array<[string, number, number]>;
  w: Array<[string, Array<[string, number]>]>;
  /** Few accounts have any of these: written out as they are, and only where there are some. */
  debts?: DebtState[];
  disputes?: DisputeState[];
  adjustments?: AdjustmentState[];
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
      state.revision,
    ],
    g: Array.from(state.grants.values(), encodeGrant),
    r: Array.from(state.reservations.values(), encodeReservation),
    q: Array.from(state.quoteUses, ([quoteId, use]) => [quoteId, use.uses, use.expiresAt]),
    w: Array.from(state.goodwill, ([taskId, byGrant]) => [taskId, [...byGrant]]),
    ...(state.debts.size > 0 && { debts: [...state.debts.values()] }),
    ...(state.disputes.size > 0 && { disputes: [...state.disputes.values()] }),
    ...(state.adjustments.size > 0 && { adjustments: [...state.adjustments.values()] }),
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
    state.revision,
  ] = snapshot.a;
  for (const row of snapshot.g) {
    const grant = decodeGrant(row);
    state.grants.set(grant.id, grant);
    state.available += grant.available;
    state.held += grant.held;
    if (isFrozen(grant)) state.frozen += grant.available;
    if (grant.available > 0) state.spendable.add(grant.id);
  }
  for (const row of snapshot.r) state.reservations.set(row[0], decodeReservation(row));
  for (const [quoteId, uses, expiresAt] of snapshot.q) state.quoteUses.set(quoteId, { uses, expiresAt });
  for (const [taskId, byGrant] of snapshot.w) state.goodwill.set(taskId, new Map(byGrant));
  for (const debt of snapshot.debts ?? []) {
    state.debts.set(debt.debtId, debt);
    state.debt += debt.credits - debt.settled;
  }
  for (const dispute of snapshot.disputes ?? []) state.disputes.set(dispute.disputeId, dispute);
  for (const adjustment of snapshot.adjustments ?? []) state.adjustments.set(adjustment.adjustmentId, adjustment);
  return state;
}

/** An account with a hundred thousand open holds is not written out every thousand facts. */
function weight(state: AccountState): number {
  return state.reservations.size + state.grants.size + state.disputes.size + state.adjustments.size;
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
    debts: new Map(),
    disputes: new Map(),
    adjustments: new Map(),
  };
  for (const [id, grant] of state.grants) copy.grants.set(id, { ...grant, money: grant.money === null ? null : { ...grant.money } });
  for (const [id, debt] of state.debts) copy.debts.set(id, { ...debt });
  for (const [id, dispute] of state.disputes) copy.disputes.set(id, { ...dispute, grantIds: [...dispute.grantIds] });
  for (const [id, adjustment] of state.adjustments) copy.adjustments.set(id, { ...adjustment });
  for (const [taskId, byGrant] of state.goodwill) copy.goodwill.set(taskId, new Map(byGrant));
  return copy;
}
