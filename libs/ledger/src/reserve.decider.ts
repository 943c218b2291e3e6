// 2 decide · the gate: who may run what, and which credits it would take. Quotes ask before the click, reservations after it; the code is one.
import { refuse, toIso, type Credits, type InstantMs, type Refusal } from '#libs/kernel';
import type { AccountCommand, AccountRefusalCode, ReserveRequest } from './account.commands.js';
import type { AccountFact, Bucket, ReservationTerms } from './account.facts.js';
import type { AccountState, LedgerContext } from './account.state.js';
import { cloneAccount } from './account.snapshot.js';
import { burnList } from './burn-order.js';
import { draw, type DrawCursor } from './drawdown.js';
import { bookDue, isDue } from './due.js';
import { noAccount } from './refusals.js';

export interface DrawdownLine {
  bucket: Bucket;
  grantId: string;
  credits: Credits;
  expiresAt: string | null;
}

export interface MinimumPlan {
  id: string;
  rank: number;
}

/** What a reservation of some credits would come to now. */
export interface ReservePreview {
  plan: string;
  planVersion: number;
  status: AccountState['status'];
  /** What can be spent: without what a dispute froze. */
  available: Credits;
  shortfall: Credits;
  /** In burn order; what there is when credits are short, nothing when the plan is too low. */
  drawdown: DrawdownLine[];
  /** The refusal that a reservation would meet: suspension before plan before credits; null when it would be accepted. */
  denial: Refusal<AccountRefusalCode> | null;
}

/** Takes what is due into account without booking it. `minimumPlan` null: any plan will do. */
export function previewReserve(
  state: AccountState,
  at: InstantMs,
  context: LedgerContext,
  credits: Credits,
  minimumPlan: MinimumPlan | null = null,
): ReservePreview {
  let current = state;
  if (state.isOpen && isDue(state, at)) {
    current = cloneAccount(state);
    bookDue(current, at, context);
  }
  const planDenial = current.isOpen ? minimumPlan && planTooLow(current, minimumPlan, context) : null;
  const denial = admission(current) ?? planDenial ?? creditsShort(current, credits);
  const parts = planDenial === null ? draw(burnList(current, context.policies.burnOrder), { index: 0, taken: 0 }, credits) : [];
  return {
    plan: current.plan,
    planVersion: context.planTerms(current.plan)?.version ?? 0,
    status: current.status,
    available: spendable(current),
    shortfall: Math.max(0, credits - spendable(current)),
    drawdown: parts.map((part) => ({ bucket: part.bucket, grantId: part.grantId, credits: part.credits, expiresAt: part.expiresAt })),
    denial,
  };
}

type Reserve = Extract<AccountCommand, { type: 'Reserve' }>;

/** All requests in one fact, or a refusal. On a state that nothing is due on. */
export function decideReserve(
  state: AccountState,
  command: Reserve,
  at: InstantMs,
  context: LedgerContext,
): AccountFact[] | Refusal<AccountRefusalCode> | 'unchanged' {
  const { requests, openTasksMax } = command;
  const held = requests.filter((request) => state.reservations.has(request.reservationId)).length;
  if (held === requests.length) return 'unchanged';
  if (held > 0) return refuse('conflict', 'Some of these reservations are held already.');
  let required = 0;
  for (const request of requests) required += request.credits;
  const refusal =
    admission(state) ??
    quoteUnusable(state, requests, at) ??
    (state.reservations.size + requests.length > openTasksMax ? tooManyTasks(state, openTasksMax) : null) ??
    planTooLow(state, highestPlan(requests), context) ??
    creditsShort(state, required);
  if (refusal !== null) return refusal;
  const order = burnList(state, context.policies.burnOrder);
  const cursor: DrawCursor = { index: 0, taken: 0 };
  const reservations: ReservationTerms[] = [];
  for (const { reservationId, taskId, model, priceVersion, quote, credits } of requests) {
    const quoteExpiresAt = quote === null ? null : toIso(quote.expiresAt);
    reservations.push({
      reservationId,
      taskId,
      model,
      priceVersion,
      quoteId: quote?.id ?? null,
      quoteExpiresAt,
      credits,
      drawdown: draw(order, cursor, credits),
    });
  }
  return [{ type: 'CreditsReserved', data: { decidedAt: toIso(at), burnOrder: [...context.policies.burnOrder], reservations } }];
}

function admission(state: AccountState): Refusal<AccountRefusalCode> | null {
  if (!state.isOpen) return noAccount();
  return state.status === 'suspended'
    ? refuse('account_suspended', 'The account is suspended: it can read and quote, but not submit.')
    : null;
}

// What may be otherwise a moment later is judged before plan and credits: those two refusals are recorded and kept for good.
function quoteUnusable(state: AccountState, requests: readonly ReserveRequest[], at: InstantMs): Refusal<AccountRefusalCode> | null {
  let uses: Map<string, number> | null = null;
  for (const { quote } of requests) {
    if (quote === null) continue;
    if (quote.expiresAt <= at) return refuse('quote_expired', `Quote ${quote.id} expired at ${toIso(quote.expiresAt)}.`);
    uses ??= new Map();
    const used = (uses.get(quote.id) ?? state.quoteUses.get(quote.id)?.uses ?? 0) + 1;
    if (used > quote.quantity) return refuse('conflict', `Quote ${quote.id} is used up: it was for ${quote.quantity}.`);
    uses.set(quote.id, used);
  }
  return null;
}

function tooManyTasks(state: AccountState, openTasksMax: number): Refusal<AccountRefusalCode> {
  return refuse('too_many_tasks', `The account has ${state.reservations.size} open tasks; at most ${openTasksMax} may be open at once.`, {
    open: state.reservations.size,
    limit: openTasksMax,
  });
}

function highestPlan(requests: readonly ReserveRequest[]): MinimumPlan {
  let highest = { id: '', rank: -Infinity };
  for (const request of requests)
    if (request.minimumPlanRank > highest.rank) highest = { id: request.minimumPlan, rank: request.minimumPlanRank };
  return highest;
}

function planTooLow(state: AccountState, minimum: MinimumPlan, context: LedgerContext): Refusal<AccountRefusalCode> | null {
  const terms = context.planTerms(state.plan);
  // An undefined plan has no rank, and unknown is not enough.
  if (terms !== null && terms.rank >= minimum.rank) return null;
  return refuse('plan_required', `This needs the plan ${minimum.id}; the account is on ${state.plan}.`, {
    requiredPlan: minimum.id,
    accountPlan: state.plan,
  });
}

function creditsShort(state: AccountState, required: Credits): Refusal<AccountRefusalCode> | null {
  const available = spendable(state);
  if (available >= required) return null;
  const shortfall = required - available;
  return refuse('insufficient_credits', `This needs ${required} credits; ${available} are available, ${shortfall} are missing.`, {
    required,
    available,
    shortfall,
  });
}

/** What can be spent: frozen credits are there, and are not. */
function spendable(state: AccountState): Credits {
  return state.available - state.frozen;
}
