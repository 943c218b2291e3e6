// Finance · fact → entry: the only place where it is decided which accounts a fact moves, by how much and with which sign (finance.md, Journal). Pure.
import { fromIso, unreachable, type InstantMs, type Money } from '#libs/kernel';
import { movedBasis, tookEffectAt, type AccountFact, type Bucket, type GrantPart, type GrantTerms, type ProviderCost } from '#libs/ledger';
import type { BillLineBooked } from './billing.facts.js';
import { CHART, CREDIT, type ExpenseKind } from './chart.js';
import { EntryBuilder, NOBODY, type Flow, type Posting, type Subject } from './entry.js';
import type { Figure } from './figures.js';

/** Every fact that the journal reads; those that move nothing have no postings. */
export type JournalFact = AccountFact | BillLineBooked;

type DataOf<Type extends JournalFact['type']> = Extract<JournalFact, { type: Type }>['data'];

/** The postings of one fact of an account's (or a provider's billing) stream: together zero in each commodity. */
export function postingsOf(fact: JournalFact, accountId: string): Posting[] {
  const entry = new Entry(accountId);
  switch (fact.type) {
    case 'CreditsGranted':
      entry.granted(fact.data, fact.data.goodwill?.taskId ?? null);
      break;
    case 'CreditsReserved':
      for (const { taskId, model, drawdown } of fact.data.reservations)
        for (const part of drawdown) entry.reserved(part, { taskId, model });
      break;
    case 'CreditsConsumed':
      entry.consumed(fact.data);
      break;
    case 'CreditsRefunded':
      entry.refunded(fact.data);
      break;
    case 'CreditsExpired':
      entry.expired(fact.data.part, fact.data.taskId);
      break;
    case 'CycleReset':
      for (const part of fact.data.lapsed) entry.expired(part, null);
      if (fact.data.granted !== null) entry.granted(fact.data.granted, null);
      break;
    case 'GrantRevoked':
      entry.revoked(fact.data);
      break;
    case 'DebtRecorded':
      entry.debtRecorded(fact.data);
      break;
    case 'DebtRepaid':
      if (fact.data.cause === 'purchase') entry.debtRepaid(fact.data);
      else entry.debtForgiven(fact.data);
      break;
    case 'CreditsAdjusted':
      entry.adjusted(fact.data);
      break;
    case 'ProviderCostBooked':
      entry.cost(fact.data.providerCost, fact.data.taskId);
      break;
    case 'BillLineBooked':
      entry.billed(fact.data);
      break;
    case 'AccountOpened':
    case 'PlanChanged':
    case 'AccountSuspended':
    case 'AccountResumed':
    case 'DisputeOpened':
    case 'DisputeWon':
    case 'DisputeLost':
    case 'AdjustmentRequested':
    case 'AdjustmentRejected':
      return [];
    default:
      return unreachable(fact, 'fact of the journal');
  }
  return entry.build();
}

/** When a fact takes effect, periods left aside: its record, but a lapse at its grant's end, a reset at its boundary, a bill's line when billed. */
export function effectiveAtOf(fact: JournalFact, recordedAt: InstantMs): InstantMs {
  return fact.type === 'BillLineBooked' ? fromIso(fact.data.billedAt) : (tookEffectAt(fact) ?? recordedAt);
}

/** What a movement of one grant posts in money: f(x′) − f(x), or null. */
function moneyOf(part: GrantPart): Money | null {
  const { before, after, size } = part;
  if (after.gone >= before.gone) return movedBasis(part.costBasis, before.gone, after.gone, size);
  const back = movedBasis(part.costBasis, after.gone, before.gone, size);
  return back === null ? null : { currency: back.currency, amountMinor: -back.amountMinor };
}

const OF_COST = { provider: 'providerCost', absorbed: 'absorbedCost', unmatched: 'unmatchedCost' } as const satisfies Record<
  ExpenseKind,
  Figure
>;

class Entry extends EntryBuilder {
  constructor(private readonly accountId: string) {
    super();
  }

  private available(bucket: Bucket): string {
    return CHART.available(this.accountId, bucket);
  }

  private held(bucket: Bucket): string {
    return CHART.held(this.accountId, bucket);
  }

  granted(terms: GrantTerms, taskId: string | null): void {
    const { bucket, grantId, credits, costBasis } = terms;
    const subject = { ...NOBODY, bucket, grantId, taskId };
    this.credits([CHART.issued(bucket), 'granted'], [this.available(bucket), 'available'], credits, subject);
    this.money([CHART.clearing], [CHART.deferred, 'outstanding', 'deferred'], costBasis, subject);
  }

  reserved(part: GrantPart, about: { taskId: string; model: string }): void {
    const subject = subjectOf(part, about);
    this.credits([this.available(part.bucket), 'available'], [this.held(part.bucket), 'reserved'], part.credits, subject);
  }

  consumed(data: DataOf<'CreditsConsumed'>): void {
    for (const part of data.parts) {
      const subject = subjectOf(part, data);
      this.credits([this.held(part.bucket), 'unheld'], [CHART.consumed(data.model), 'consumed'], part.credits, subject);
      this.money([CHART.deferred, 'outstanding'], [CHART.usage(data.model), 'recognised'], moneyOf(part), subject);
    }
    this.heldBack(data, data);
    for (const cost of data.providerCost) this.cost(cost, data.taskId);
  }

  refunded(data: DataOf<'CreditsRefunded'>): void {
    if (data.kind === 'hold') this.heldBack(data, data);
    else this.goodwill(data);
    for (const cost of data.providerCost) this.cost(cost, data.taskId);
  }

  /** What comes back to a lapsed grant stands under the new one; the lapsed grant's money goes with it, and no account changes. */
  private heldBack(release: Pick<DataOf<'CreditsRefunded'>, 'returned' | 'reissued'>, about: { taskId: string; model: string }): void {
    for (const part of release.returned) {
      const to: [string, Figure] = [this.available(part.bucket), 'available'];
      this.credits([this.held(part.bucket), 'unheld'], to, part.credits, subjectOf(part, about));
    }
    for (const { from, grant } of release.reissued) {
      this.post(this.held(from.bucket), CREDIT, -from.credits, subjectOf(from, about), 'unheld');
      this.post(this.available(grant.bucket), CREDIT, from.credits, { ...subjectOf(from, about), grantId: grant.grantId }, 'available');
    }
  }

  private goodwill(data: DataOf<'CreditsRefunded'>): void {
    const consumed = CHART.consumed(data.model);
    const takenBack = (part: GrantPart, money: Money | null): void =>
      this.money([CHART.usage(data.model), 'recognised'], [CHART.deferred, 'outstanding'], money, subjectOf(part, data));
    for (const part of data.returned) {
      const subject = subjectOf(part, data);
      this.credits([consumed, 'returned'], [this.available(part.bucket), 'available'], part.credits, subject);
      const money = moneyOf(part);
      takenBack(part, money === null ? null : { ...money, amountMinor: -money.amountMinor });
    }
    for (const { from, grant } of data.reissued) {
      this.post(consumed, CREDIT, -from.credits, subjectOf(from, data), 'returned');
      this.post(this.available(grant.bucket), CREDIT, from.credits, { ...subjectOf(from, data), grantId: grant.grantId }, 'available');
      // What the goodwill took back is what the new grant cost.
      takenBack(from, grant.costBasis);
    }
  }

  expired(part: GrantPart, taskId: string | null): void {
    const subject = { ...subjectOf(part), taskId };
    this.credits([this.available(part.bucket), 'available'], [CHART.expired(part.bucket), 'expired'], part.credits, subject);
    this.money([CHART.deferred, 'outstanding'], [CHART.breakage, 'breakage'], moneyOf(part), subject);
  }

  revoked({ part, taskId, loss }: DataOf<'GrantRevoked'>): void {
    const subject = { ...subjectOf(part), taskId };
    this.credits([this.available(part.bucket), 'available'], [CHART.revoked(part.bucket), 'revoked'], part.credits, subject);
    this.money([CHART.deferred, 'outstanding', 'moneyRevoked'], [CHART.clearing], moneyOf(part), subject);
    if (part.costBasis === null || loss === null || loss === undefined) return;
    const { currency } = part.costBasis;
    this.money([CHART.breakage, 'breakageReversed'], [CHART.clearing], { currency, amountMinor: loss.expiredMinor }, subject);
    this.money([CHART.adjustment], [CHART.clearing], { currency, amountMinor: loss.adjustedMinor }, subject);
    this.money([CHART.revenueOfDebt], [CHART.clearing], { currency, amountMinor: loss.roundingMinor }, subject);
  }

  debtRecorded({ credits, money, grantId, bucket, taskId, model }: DataOf<'DebtRecorded'>): void {
    const subject = { ...NOBODY, bucket, grantId, taskId, model };
    const from: [string, Figure] = [CHART.debt(this.accountId), 'debtRecorded'];
    if (bucket === null) this.credits(from, [CHART.consumed(model ?? 'unknown'), 'consumedOnDebt'], credits, subject);
    else this.credits(from, [CHART.revokedSpent(bucket)], credits, subject);
    this.money([CHART.receivable(this.accountId), 'receivable'], [CHART.clearing], money, subject);
  }

  /** A purchase repays: each debt's own receivable falls, and what the purchase paid beyond or below it is revenue of debt, by currency. */
  debtRepaid({ part, settlements }: DataOf<'DebtRepaid'>): void {
    if (part === null) return;
    const subject = subjectOf(part);
    this.post(this.available(part.bucket), CREDIT, -part.credits, subject, 'available', 'repaid');
    const difference = new Map<string, number>();
    const paid = moneyOf(part);
    if (paid !== null) {
      this.post(CHART.deferred, paid.currency, paid.amountMinor, subject, 'outstanding', 'moneyRepaid');
      difference.set(paid.currency, -paid.amountMinor);
    }
    for (const { grantId, settled, receivable } of settlements) {
      const owed = { ...NOBODY, bucket: part.bucket, grantId };
      this.post(CHART.debt(this.accountId), CREDIT, settled, owed);
      if (receivable === null) continue;
      this.post(CHART.receivable(this.accountId), receivable.currency, -receivable.amountMinor, owed, 'receivable');
      difference.set(receivable.currency, (difference.get(receivable.currency) ?? 0) + receivable.amountMinor);
    }
    for (const [currency, amount] of difference) this.post(CHART.revenueOfDebt, currency, amount, subject);
  }

  /** Goodwill on what is owed: un-recognised and revoked in one step, so that deferred revenue stands still and the receivable falls. */
  debtForgiven({ settlements, goodwill }: DataOf<'DebtRepaid'>): void {
    if (goodwill === null) return;
    const { model, taskId } = goodwill;
    for (const { grantId, bucket, settled, receivable } of settlements) {
      const subject = { ...NOBODY, bucket, grantId, taskId, model };
      this.credits([CHART.consumed(model), 'consumedOnDebt'], [CHART.debt(this.accountId), 'debtForgiven'], settled, subject);
      if (receivable === null) continue;
      const { currency, amountMinor } = receivable;
      this.post(CHART.usage(model), currency, amountMinor, subject, 'recognised');
      const flows: Flow[] = [
        { figure: 'receivable', model, amount: -amountMinor },
        { figure: 'moneyRevoked', model, amount: amountMinor },
      ];
      this.postFlows(CHART.receivable(this.accountId), currency, -amountMinor, subject, flows);
    }
  }

  adjusted({ granted, parts }: DataOf<'CreditsAdjusted'>): void {
    if (granted !== null) {
      const { bucket, grantId, credits } = granted;
      this.credits([CHART.adjusted(bucket), 'adjusted'], [this.available(bucket), 'available'], credits, { ...NOBODY, bucket, grantId });
    }
    for (const part of parts) {
      const subject = subjectOf(part);
      this.credits([this.available(part.bucket), 'available'], [CHART.adjusted(part.bucket), 'adjusted'], part.credits, subject);
      this.money([CHART.deferred, 'outstanding'], [CHART.adjustment, 'moneyAdjusted'], moneyOf(part), subject);
    }
  }

  cost({ provider, model, cost, absorbed }: ProviderCost, taskId: string): void {
    this.expense(absorbed ? 'absorbed' : 'provider', cost, { ...NOBODY, taskId, model, provider });
  }

  billed({ provider, booked, expense, taskId, model }: BillLineBooked['data']): void {
    this.expense(expense, booked, { ...NOBODY, taskId, model, provider });
  }

  private expense(kind: ExpenseKind, cost: Money, subject: Subject & { provider: string }): void {
    this.money([CHART.expense(kind, subject.provider), OF_COST[kind]], [CHART.owedToProvider(subject.provider)], cost, subject);
  }
}

function subjectOf(part: GrantPart, about: { taskId: string; model: string } | null = null): Subject {
  const { bucket, grantId } = part;
  return { bucket, grantId, taskId: about?.taskId ?? null, model: about?.model ?? null, provider: null };
}
