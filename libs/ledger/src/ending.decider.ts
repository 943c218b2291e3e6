// 2 decide · how a reservation ends, exactly once: consumed in whole or part, or refunded; called by the account's decider.
import { floorOfFraction, invariant, parseDecimal, refuse, toIso, type InstantMs, type Refusal } from '#libs/kernel';
import type { AccountCommand, AccountRefusalCode } from './account.commands.js';
import type { AccountFact, GrantPart, OverConsumptionPolicy, ProviderCost } from './account.facts.js';
import type { AccountState, GrantState, LedgerContext, ReservationState } from './account.state.js';
import { evolveAccount } from './account.evolve.js';
import { cloneAccount } from './account.snapshot.js';
import { releaseParts, type ReturningPart } from './drawdown.js';
import { countersOf, grantPart, moved } from './grant-part.js';
import { recognisedMinor } from './recognition.js';
import { invalid } from './refusals.js';
import { decideReserve } from './reserve.decider.js';

type Consume = Extract<AccountCommand, { type: 'Consume' }>;
type Refund = Extract<AccountCommand, { type: 'Refund' }>;
type TakeLateResult = Extract<AccountCommand, { type: 'TakeLateResult' }>;
/** Above 1 only for an over-consumption, which its policy decides over. */
const FRACTION_LIMITS = { integerDigitsMax: 3, fractionDigitsMax: 6 };

type Ended = AccountFact[] | Refusal<AccountRefusalCode> | 'unchanged';

/** Money rule 7: drawn in burn order, released in reverse, in one fact. A second ending changes nothing (rule 4). */
export function decideConsume(state: AccountState, command: Consume, at: InstantMs, context: LedgerContext): Ended {
  const reservation = state.reservations.get(command.reservationId);
  if (reservation === undefined) return 'unchanged';
  const fraction = parseDecimal(command.deliveredFraction, FRACTION_LIMITS);
  if (fraction === null) return invalid('/deliveredFraction', `"${command.deliveredFraction}" is no fraction of at most 6 decimals.`);
  const used = command.deliveredFraction === '1' ? reservation.credits : floorOfFraction(reservation.credits, fraction);
  const overConsumption = used > reservation.credits ? (command.overConsumption ?? context.policies.overConsumption) : null;
  if (overConsumption === 'reject') {
    return refuse('conflict', `The provider used ${used} credits of a reservation of ${reservation.credits}.`, {
      reserved: reservation.credits,
      used,
    });
  }
  const consumed = Math.min(used, reservation.credits);
  const facts = consume(state, reservation, consumed, command, overConsumption, at, context);
  if (overConsumption === 'debt') facts.push(overConsumed(reservation, used - consumed, at, context));
  return facts;
}

/** What the provider used beyond the hold is owed; it has no grant, so no money was ever deferred for it. */
function overConsumed(reservation: ReservationState, credits: number, at: InstantMs, context: LedgerContext): AccountFact {
  const { reservationId, taskId, model } = reservation;
  return {
    type: 'DebtRecorded',
    data: {
      ...{ decidedAt: toIso(at), debtId: context.nextDebtId(), credits, money: null, grantId: null, bucket: null },
      ...{ cause: 'over_consumption', disputeId: null, taskId, reservationId, model },
    },
  };
}

function consume(
  state: AccountState,
  reservation: ReservationState,
  consumed: number,
  command: Pick<Consume, 'deliveredFraction' | 'providerCost'>,
  overConsumption: OverConsumptionPolicy | null,
  at: InstantMs,
  context: LedgerContext,
): AccountFact[] {
  const parts: GrantPart[] = [];
  const owed: AccountFact[] = [];
  const returning: ReturningPart[] = [];
  let left = consumed;
  for (const { grantId, credits } of reservation.drawdown) {
    const take = credits < left ? credits : left;
    left -= take;
    if (take > 0) {
      const grant = state.grants.get(grantId);
      invariant(grant !== undefined, () => `${reservation.reservationId} holds of ${grantId}, which is none of the account's`);
      const before = countersOf(grant);
      const part = grantPart(grant, take, before, moved(before, { available: 0, held: -take, gone: take }));
      parts.push(part);
      if (grant.spentIsDebt) owed.push(heldPartOwed(grant, part, reservation, at, context));
    }
    if (take < credits) returning.push({ grantId, credits: credits - take, consumed: take });
  }
  invariant(left === 0, () => `${reservation.reservationId} holds ${left} less than it consumes`);
  const { reservationId, taskId, model } = reservation;
  const { release, then } = releaseParts(state, returning.reverse(), 'held', taskId, at, context);
  const fact: AccountFact = {
    type: 'CreditsConsumed',
    data: {
      decidedAt: toIso(at),
      reservationId,
      taskId,
      model,
      held: reservation.credits,
      consumed,
      deliveredFraction: command.deliveredFraction,
      parts,
      ...release,
      providerCost: costsOf(command.providerCost, consumed === 0),
      overConsumption,
    },
  };
  return then.length + owed.length === 0 ? [fact] : [fact, ...then, ...owed];
}

/** What was held of a grant when it was revoked is honoured; consumed, it is owed like what was spent before. */
function heldPartOwed(
  grant: GrantState,
  part: GrantPart,
  { reservationId, taskId, model }: ReservationState,
  at: InstantMs,
  context: LedgerContext,
): AccountFact {
  const { costBasis, credits: size, id, bucket, disputeId } = grant;
  const amountMinor =
    costBasis === null ? 0 : recognisedMinor(costBasis, part.after.gone, size) - recognisedMinor(costBasis, part.before.gone, size);
  const money = costBasis === null ? null : { currency: costBasis.currency, amountMinor };
  return {
    type: 'DebtRecorded',
    data: {
      ...{ decidedAt: toIso(at), debtId: context.nextDebtId(), credits: part.credits, money, grantId: id, bucket },
      ...{ cause: 'held_part', disputeId, taskId, reservationId, model },
    },
  };
}

/** Money rule 5: the whole hold goes back, with the reason that the receipt shows. */
export function decideRefund(state: AccountState, command: Refund, at: InstantMs, context: LedgerContext): Ended {
  const reservation = state.reservations.get(command.reservationId);
  if (reservation === undefined) return 'unchanged';
  const { reservationId, taskId, model, credits } = reservation;
  const returning = reservation.drawdown.map((part) => ({ ...part, consumed: 0 })).reverse();
  const { release, then } = releaseParts(state, returning, 'held', taskId, at, context);
  const providerCost = costsOf(command.providerCost, true);
  return [
    {
      type: 'CreditsRefunded',
      data: { decidedAt: toIso(at), kind: 'hold', reservationId, taskId, model, credits, reason: command.reason, ...release, providerCost },
    },
    ...then,
  ];
}

/** A late result that the customer takes: the gate like any other, then the ending, in one append. */
export function decideLateResult(state: AccountState, command: TakeLateResult, at: InstantMs, context: LedgerContext): Ended {
  const reserved = decideReserve(state, { type: 'Reserve', requests: [command.request], openTasksMax: Infinity }, at, context);
  if (!Array.isArray(reserved)) return reserved;
  const working = cloneAccount(state);
  for (const fact of reserved) evolveAccount(working, fact);
  const { deliveredFraction, providerCost, overConsumption } = command;
  const consumed = decideConsume(
    working,
    { type: 'Consume', reservationId: command.request.reservationId, deliveredFraction, providerCost, overConsumption },
    at,
    context,
  );
  return Array.isArray(consumed) ? [...reserved, ...consumed] : consumed;
}

/** A cost is absorbed where nothing was consumed for it. */
function costsOf(costs: readonly Omit<ProviderCost, 'absorbed'>[], absorbed: boolean): ProviderCost[] {
  return costs.map((cost) => ({ ...cost, absorbed }));
}
