// 2 decide · credits given back after consumption: bounded for ever by what the task consumed. Called by the account's decider.
import { refuse, toIso, type Credits, type InstantMs, type Refusal } from '#libs/kernel';
import type { AccountCommand, AccountRefusalCode } from './account.commands.js';
import type { AccountFact, DebtSettlement, GrantPart } from './account.facts.js';
import type { AccountState, LedgerContext } from './account.state.js';
import { OpenDebts, settledCredits } from './debt.js';
import { releaseParts, type ReturningPart } from './drawdown.js';
import { OVER_CONSUMED } from './goodwill-count.js';
import { grantOf } from './grant-movement.js';
import { countersOf, grantPart } from './grant-part.js';
import { invalid } from './refusals.js';

type RefundGoodwill = Extract<AccountCommand, { type: 'RefundGoodwill' }>;

/**
 * Money rule 11. Last drawn comes back first, before it what was used beyond the reservation; per grant never more than the task consumed of
 * it, less what came back before. What came from a revoked grant lowers what is owed; where nothing is owed any more it is granted anew.
 */
export function decideGoodwill(
  state: AccountState,
  command: RefundGoodwill,
  at: InstantMs,
  context: LedgerContext,
): AccountFact[] | Refusal<AccountRefusalCode> {
  const { taskId, reservationId, model, credits, reason } = command;
  if (!Number.isSafeInteger(credits) || credits < 1) return invalid('/credits', 'Must be a whole number of at least 1.');
  if (reason.trim() === '') return invalid('/reason', 'Must say why.');
  const givenBack = state.goodwill.get(taskId);
  const parts: Array<{ grantId: string; credits: Credits }> = [...command.consumed];
  if (command.overConsumed !== undefined && command.overConsumed > 0) parts.push({ grantId: OVER_CONSUMED, credits: command.overConsumed });
  const left = parts.map((part) => ({ grantId: part.grantId, credits: part.credits - (givenBack?.get(part.grantId) ?? 0) }));
  const consumed = parts.reduce((sum, part) => sum + part.credits, 0);
  const refundable = left.reduce((sum, part) => sum + part.credits, 0);
  if (consumed === 0) return refuse('already_settled', 'The task consumed no credits: there is nothing to give back.', { consumed: 0 });
  if (credits > refundable) {
    return refuse('conflict', `At most ${refundable} of the ${consumed} consumed credits can still be given back.`, {
      consumed,
      refunded: consumed - refundable,
      refundable,
    });
  }
  const returning: ReturningPart[] = [];
  const unowed: Array<{ grantId: string | null; credits: Credits }> = [];
  let missing = credits;
  for (const part of left.reverse()) {
    const take = Math.min(part.credits, missing);
    if (take === 0) continue;
    missing -= take;
    if (part.grantId === OVER_CONSUMED) unowed.push({ grantId: null, credits: take });
    else if (state.grants.get(part.grantId)?.isRevoked === true) unowed.push({ grantId: part.grantId, credits: take });
    else returning.push({ grantId: part.grantId, credits: take, consumed: 0 });
  }
  const facts: AccountFact[] = [];
  const decidedAt = toIso(at);
  if (returning.length > 0) {
    const { release, then } = releaseParts(state, returning, 'consumed', taskId, at, context);
    const back = returning.reduce((sum, part) => sum + part.credits, 0);
    facts.push(
      {
        type: 'CreditsRefunded',
        data: { decidedAt, kind: 'goodwill', reservationId, taskId, model, credits: back, reason, ...release, providerCost: [] },
      },
      ...then,
    );
  }
  const debts = new OpenDebts(state);
  for (const part of unowed) {
    const settlements = debts.settle(part.credits, { grantId: part.grantId });
    const settled = settledCredits(settlements);
    if (settled > 0) facts.push(lowered(state, part.grantId, settlements, command, decidedAt));
    if (settled < part.credits) facts.push(newGrant(state, { ...part, credits: part.credits - settled }, command, decidedAt, context));
  }
  return facts;
}

/** The credits stay with the revoked grant, as revoked instead of consumed: nobody owes them any more. */
function lowered(
  state: AccountState,
  fromGrantId: string | null,
  settlements: DebtSettlement[],
  command: RefundGoodwill,
  decidedAt: string,
): AccountFact {
  const { taskId, reservationId, model, reason } = command;
  const credits = settledCredits(settlements);
  const goodwill = { taskId, reservationId, model, fromGrantId, reason };
  let part: GrantPart | null = null;
  if (fromGrantId !== null) {
    const grant = grantOf(state, fromGrantId);
    part = grantPart(grant, credits, countersOf(grant), countersOf(grant));
  }
  return { type: 'DebtRepaid', data: { decidedAt, cause: 'goodwill', credits, part, settlements, goodwill } };
}

/** A revoked grant takes nothing back: the customer gets a new grant of its bucket, without expiry and cost basis. */
function newGrant(
  state: AccountState,
  part: { grantId: string | null; credits: Credits },
  command: RefundGoodwill,
  decidedAt: string,
  context: LedgerContext,
): AccountFact {
  const revoked = part.grantId === null ? undefined : state.grants.get(part.grantId);
  const { taskId, reservationId, model, reason } = command;
  return {
    type: 'CreditsGranted',
    data: {
      decidedAt,
      grantId: context.nextGrantId(),
      // What repaid the use beyond a reservation was purchased.
      bucket: revoked?.bucket ?? 'purchased',
      credits: part.credits,
      expiresAt: null,
      reference: `goodwill ${taskId}`,
      costBasis: null,
      reissuedFrom: null,
      cause: 'goodwill',
      goodwill: { taskId, reservationId, model, fromGrantId: part.grantId, reason },
    },
  };
}
