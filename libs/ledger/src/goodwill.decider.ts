// 2 decide · credits given back after consumption: bounded for ever by what the task consumed. Called by the account's decider.
import { refuse, toIso, type Credits, type InstantMs, type Refusal } from '#libs/kernel';
import type { AccountCommand, AccountRefusalCode } from './account.commands.js';
import type { AccountFact } from './account.facts.js';
import type { AccountState, LedgerContext } from './account.state.js';
import { releaseParts, type ReturningPart } from './drawdown.js';
import { invalid } from './refusals.js';

type RefundGoodwill = Extract<AccountCommand, { type: 'RefundGoodwill' }>;

/** Money rule 11. Last drawn comes back first; per grant never more than the task consumed of it, less what came back before. */
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
  const left = command.consumed.map((part) => ({ grantId: part.grantId, credits: part.credits - (givenBack?.get(part.grantId) ?? 0) }));
  const consumed = command.consumed.reduce((sum, part) => sum + part.credits, 0);
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
  const regranted: Array<{ grantId: string; credits: Credits }> = [];
  let missing = credits;
  for (const part of left.reverse()) {
    const take = Math.min(part.credits, missing);
    if (take === 0) continue;
    missing -= take;
    if (state.grants.get(part.grantId)?.isRevoked === true) regranted.push({ grantId: part.grantId, credits: take });
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
  for (const part of regranted) facts.push(newGrant(state, part, command, decidedAt, context));
  return facts;
}

/** A revoked grant takes nothing back: the customer gets a new grant of its bucket, without expiry and cost basis. */
function newGrant(
  state: AccountState,
  part: { grantId: string; credits: Credits },
  command: RefundGoodwill,
  decidedAt: string,
  context: LedgerContext,
): AccountFact {
  const revoked = state.grants.get(part.grantId);
  const { taskId, reservationId, model, reason } = command;
  return {
    type: 'CreditsGranted',
    data: {
      decidedAt,
      grantId: context.nextGrantId(),
      bucket: revoked?.bucket ?? 'promotional',
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
