// 2 decide · what each fact makes of the account; folds in place, asserts every counter, and is called by sessions, reads and rebuilds alike.
import { fromIso, invariant, unreachable, type Credits, type InstantMs } from '#libs/kernel';
import type { AccountFact, Release } from './account.facts.js';
import type { AccountState } from './account.state.js';
import { adjust, rejectAdjustment, requestAdjustment } from './adjustment.evolve.js';
import { loseDispute, openDispute, recordDebt, repayDebt, revoke, winDispute } from './dispute.evolve.js';
import { countGoodwill } from './goodwill-count.js';
import { addGrant, move } from './grant-movement.js';

export function initialAccount(): AccountState {
  return {
    revision: -1,
    isOpen: false,
    accountId: '',
    plan: '',
    pendingPlan: null,
    timezone: 'UTC',
    billingAnchor: 0,
    nextCycle: 0,
    nextResetAt: Infinity,
    openedAt: 0,
    status: 'active',
    grants: new Map(),
    spendable: new Set(),
    reservations: new Map(),
    quoteUses: new Map(),
    goodwill: new Map(),
    debts: new Map(),
    disputes: new Map(),
    adjustments: new Map(),
    available: 0,
    held: 0,
    frozen: 0,
    debt: 0,
  };
}

/** Processes' clocks may differ: a quote's uses are remembered this much longer than the quote lives, so that it cannot be used anew. */
const QUOTE_USES_KEPT_MS = 3_600_000;

export function evolveAccount(state: AccountState, fact: AccountFact): AccountState {
  state.revision += 1;
  switch (fact.type) {
    case 'AccountOpened':
      open(state, fact.data);
      return state;
    case 'PlanChanged':
      changePlan(state, fact.data);
      return state;
    case 'CreditsGranted':
      addGrant(state, fact.data, fromIso(fact.data.decidedAt));
      if (fact.data.goodwill !== undefined)
        countGoodwill(state, fact.data.goodwill.taskId, fact.data.goodwill.fromGrantId, fact.data.credits);
      return state;
    case 'CreditsReserved':
      reserve(state, fact.data);
      return state;
    case 'CreditsConsumed':
      for (const part of fact.data.parts) move(state, part, 'held', 'consumed');
      comeBack(state, fact.data, 'held', fromIso(fact.data.decidedAt));
      invariant(state.reservations.delete(fact.data.reservationId), () => `consumed ${fact.data.reservationId}, which is not held`);
      return state;
    case 'CreditsRefunded':
      refund(state, fact.data);
      return state;
    case 'CreditsExpired':
      move(state, fact.data.part, 'available', 'expired');
      return state;
    case 'CycleReset':
      reset(state, fact.data);
      return state;
    case 'GrantRevoked':
      revoke(state, fact.data);
      return state;
    case 'DisputeOpened':
      openDispute(state, fact.data);
      return state;
    case 'DisputeWon':
      winDispute(state, fact.data);
      return state;
    case 'DisputeLost':
      loseDispute(state, fact.data);
      return state;
    case 'DebtRecorded':
      recordDebt(state, fact.data);
      return state;
    case 'DebtRepaid':
      repayDebt(state, fact.data);
      return state;
    case 'AdjustmentRequested':
      requestAdjustment(state, fact.data);
      return state;
    case 'AdjustmentRejected':
      rejectAdjustment(state, fact.data);
      return state;
    case 'CreditsAdjusted':
      adjust(state, fact.data);
      return state;
    case 'ProviderCostBooked':
      return state;
    case 'AccountSuspended':
      state.status = 'suspended';
      return state;
    case 'AccountResumed':
      state.status = 'active';
      return state;
    default:
      return unreachable(fact, 'account fact');
  }
}

type DataOf<Type extends AccountFact['type']> = Extract<AccountFact, { type: Type }>['data'];

function open(state: AccountState, data: DataOf<'AccountOpened'>): void {
  invariant(!state.isOpen, () => `account ${data.accountId} was opened twice`);
  state.isOpen = true;
  state.accountId = data.accountId;
  state.plan = data.plan;
  state.timezone = data.timezone;
  state.billingAnchor = fromIso(data.billingAnchor);
  state.nextCycle = data.nextCycle;
  state.nextResetAt = fromIso(data.nextResetAt);
  state.openedAt = fromIso(data.decidedAt);
}

function changePlan(state: AccountState, data: DataOf<'PlanChanged'>): void {
  switch (data.effective) {
    case 'now':
      state.plan = data.to;
      state.pendingPlan = null;
      return;
    case 'next_reset':
      state.pendingPlan = data.to;
      return;
    case 'pending_cancelled':
      state.pendingPlan = null;
      return;
    default:
      unreachable(data.effective, 'effect of a plan change');
  }
}

function reserve(state: AccountState, data: DataOf<'CreditsReserved'>): void {
  forgetOldQuotes(state, fromIso(data.decidedAt));
  for (const terms of data.reservations) {
    invariant(!state.reservations.has(terms.reservationId), () => `${terms.reservationId} is held twice`);
    let drawn = 0;
    const drawdown: Array<{ grantId: string; credits: Credits }> = [];
    for (const part of terms.drawdown) {
      move(state, part, 'available', 'held');
      drawn += part.credits;
      drawdown.push({ grantId: part.grantId, credits: part.credits });
    }
    invariant(drawn === terms.credits, () => `${terms.reservationId} holds ${drawn} of ${terms.credits}`);
    const { reservationId, taskId, model, credits, quoteId } = terms;
    state.reservations.set(reservationId, { reservationId, taskId, model, credits, quoteId, drawdown });
    if (quoteId !== null && terms.quoteExpiresAt !== null) {
      const uses = (state.quoteUses.get(quoteId)?.uses ?? 0) + 1;
      state.quoteUses.set(quoteId, { uses, expiresAt: fromIso(terms.quoteExpiresAt) });
    }
  }
}

/** Quotes all live equally long, so the first that were used are the first to go. */
function forgetOldQuotes(state: AccountState, at: InstantMs): void {
  for (const [quoteId, use] of state.quoteUses) {
    if (use.expiresAt + QUOTE_USES_KEPT_MS > at) return;
    state.quoteUses.delete(quoteId);
  }
}

function refund(state: AccountState, data: DataOf<'CreditsRefunded'>): void {
  const at = fromIso(data.decidedAt);
  switch (data.kind) {
    case 'hold':
      comeBack(state, data, 'held', at);
      invariant(state.reservations.delete(data.reservationId), () => `refunded ${data.reservationId}, which is not held`);
      return;
    case 'goodwill':
      comeBack(state, data, 'consumed', at);
      for (const part of data.returned) countGoodwill(state, data.taskId, part.grantId, part.credits);
      for (const { from } of data.reissued) countGoodwill(state, data.taskId, from.grantId, from.credits);
      return;
    default:
      unreachable(data.kind, 'kind of refund');
  }
}

function comeBack(state: AccountState, release: Release, from: 'held' | 'consumed', at: InstantMs): void {
  for (const part of release.returned) move(state, part, from, 'available');
  for (const reissue of release.reissued) {
    move(state, reissue.from, from, 'reissued');
    invariant(reissue.grant.credits === reissue.from.credits, () => `reissued ${reissue.grant.credits} for ${reissue.from.credits}`);
    addGrant(state, reissue.grant, at);
  }
}

function reset(state: AccountState, data: DataOf<'CycleReset'>): void {
  const effectiveAt = fromIso(data.effectiveAt);
  for (const part of data.lapsed) move(state, part, 'available', 'expired');
  // What is still held of the ended cycle has lapsed too, once it comes back.
  for (const grant of state.grants.values()) {
    if (grant.bucket !== 'subscription') continue;
    invariant(grant.available === 0, () => `${grant.id} outlived its cycle`);
    if (grant.expiresAt === null || grant.expiresAt > effectiveAt) grant.lapsedEarly = true;
  }
  if (data.granted !== null) addGrant(state, data.granted, effectiveAt);
  state.plan = data.plan;
  state.pendingPlan = null;
  state.nextCycle = data.cycle + 1;
  state.nextResetAt = fromIso(data.nextResetAt);
}
