// Random histories of one account, told to the real decider: at every fact the entry balances, every balance is the postings' own, and every
// grant's money is where the chart says, to the last minor unit.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  BUCKETS,
  decideAccount,
  evolveAccount,
  initialAccount,
  recognisedMinor,
  type AccountCommand,
  type AccountFact,
  type Bucket,
} from '#libs/ledger';
import { testContext } from '../../ledger/test/given.js';
import { figureSign, type Figure } from './figures.js';
import { postingsOf } from './postings.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse('2026-01-31T20:30:00Z');
const CURRENCIES = ['USD', 'JPY'] as const;

type Step =
  | { do: 'wait'; ms: number }
  | { do: 'grant'; bucket: Bucket; credits: number; days: number | null; cost: number | null; currency: (typeof CURRENCIES)[number] }
  | { do: 'reserve'; credits: number[] }
  | { do: 'consume'; hold: number; percent: number }
  | { do: 'refund'; hold: number }
  | { do: 'goodwill'; task: number; credits: number }
  | { do: 'revoke'; grant: number; spent: 'forgive' | 'debt' }
  | { do: 'dispute'; grant: number }
  | { do: 'end'; dispute: number; outcome: 'won' | 'lost' }
  | { do: 'adjust'; bucket: Bucket; credits: number }
  | { do: 'plan'; plan: string }
  | { do: 'reset' }
  | { do: 'due' };

const small = fc.nat(7);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(fc.constantFrom(1, HOUR, DAY, 8 * DAY), fc.integer({ min: 1, max: 40 * DAY })),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      bucket: fc.constantFrom(...BUCKETS),
      credits: fc.integer({ min: 1, max: 40 }),
      days: fc.option(fc.integer({ min: 1, max: 20 })),
      cost: fc.option(fc.integer({ min: 1, max: 1_000 }), { freq: 4 }),
      currency: fc.constantFrom(...CURRENCIES),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      credits: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('consume' as const), hold: small, percent: fc.constantFrom(100, 100, 100, 50, 33, 0, 130) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('refund' as const), hold: small }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('goodwill' as const), task: small, credits: fc.integer({ min: 1, max: 25 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('revoke' as const), grant: small, spent: fc.constantFrom('forgive' as const, 'debt' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('dispute' as const), grant: small }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      dispute: small,
      outcome: fc.constantFrom('won' as const, 'lost' as const, 'lost' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('adjust' as const),
      bucket: fc.constantFrom(...BUCKETS),
      credits: fc.integer({ min: -25, max: 25 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('plan' as const), plan: fc.constantFrom('none', 'free') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('due' as const) }) },
);

/** What the postings say of one grant's money: figures by name, and what left with a reissue. */
type GrantMoney = Partial<Record<Figure | 'reissued' | 'basis', number>>;

class History {
  now = START;
  readonly state = initialAccount();
  private readonly facts: AccountFact[] = [];
  private readonly money = new Map<string, GrantMoney>();
  private readonly balances = new Map<string, number>();
  private commands = 0;

  constructor(private readonly lapsedRefund: 'grace' | 'expire') {
    this.tell({ type: 'OpenAccount', accountId: 'a', name: { $erasable: '' }, plan: 'none', timezone: 'UTC', billingAnchor: null });
  }

  private tell(command: AccountCommand): void {
    this.commands += 1;
    const context = testContext({ lapsedRefund: this.lapsedRefund, overConsumption: 'debt' }, `g${this.commands}`);
    const decision = decideAccount(this.state, command, this.now, context);
    if (!Array.isArray(decision)) return;
    for (const fact of JSON.parse(JSON.stringify(decision)) as AccountFact[]) {
      evolveAccount(this.state, fact);
      this.facts.push(fact);
      this.post(fact);
      this.check(fact);
    }
  }

  run(next: Step): void {
    if (next.do === 'wait') {
      this.now += next.ms;
      return;
    }
    const command = this.commandOf(next);
    if (command !== null) this.tell(command);
  }

  private commandOf(next: Exclude<Step, { do: 'wait' }>): AccountCommand | null {
    const holds = [...this.state.reservations.keys()];
    const grants = [...this.state.grants.keys()];
    const of = (list: readonly string[], index: number): string => list.at(index - list.length) ?? list[0] ?? 'none';
    switch (next.do) {
      case 'grant': {
        const costBasis =
          next.cost === null || !['purchased', 'subscription'].includes(next.bucket)
            ? null
            : { currency: next.currency, amountMinor: next.cost };
        const expiresAt = next.days === null ? null : this.now + next.days * DAY;
        return { type: 'GrantCredits', bucket: next.bucket, credits: next.credits, expiresAt, reference: null, costBasis };
      }
      case 'reserve': {
        const requests = next.credits.map((credits, index) => {
          const id = `t${this.commands}.${index}`;
          return {
            reservationId: id,
            taskId: id,
            model: `m${index}`,
            priceVersion: 'p',
            credits,
            minimumPlan: 'none',
            minimumPlanRank: 0,
            quote: null,
          };
        });
        return { type: 'Reserve', requests, openTasksMax: 20 };
      }
      case 'consume':
        return { type: 'Consume', reservationId: of(holds, next.hold), deliveredFraction: String(next.percent / 100), providerCost: [] };
      case 'refund':
        return { type: 'Refund', reservationId: of(holds, next.hold), reason: 'r', providerCost: [] };
      case 'goodwill': {
        const consumptions = this.facts.flatMap((fact) => (fact.type === 'CreditsConsumed' && fact.data.consumed > 0 ? [fact.data] : []));
        const consumption = consumptions.at(-1 - next.task) ?? consumptions[0];
        if (consumption === undefined) return null;
        const { taskId, model, reservationId, parts } = consumption;
        const beyond = this.facts.flatMap((fact) =>
          fact.type === 'DebtRecorded' && fact.data.cause === 'over_consumption' && fact.data.taskId === taskId ? [fact.data.credits] : [],
        );
        const consumed = parts.map(({ grantId, credits }) => ({ grantId, credits }));
        return {
          type: 'RefundGoodwill',
          taskId,
          model,
          reservationId,
          credits: next.credits,
          reason: 'r',
          consumed,
          overConsumed: beyond[0] ?? 0,
        };
      }
      case 'revoke':
        return { type: 'RevokeGrant', grantId: of(grants, next.grant), reason: 'r', spent: next.spent };
      case 'dispute':
        return { type: 'OpenDispute', disputeId: `d${this.commands}`, reference: null, grantId: of(grants, next.grant), reason: 'r' };
      case 'end': {
        const opened = this.facts.flatMap((fact) => (fact.type === 'DisputeOpened' ? [fact.data.disputeId] : []));
        return { type: 'EndDispute', disputeId: of(opened, next.dispute), outcome: next.outcome };
      }
      case 'adjust':
        return {
          type: 'Adjust',
          adjustmentId: `adj${this.commands}`,
          bucket: next.bucket,
          credits: next.credits,
          reason: 'r',
          ticket: 'T',
          requestedBy: 'k',
        };
      case 'plan':
        return { type: 'ChangePlan', plan: next.plan };
      case 'reset':
        return { type: 'ResetCycle', reason: 'r' };
      case 'due':
        return { type: 'BookDue' };
    }
  }

  private post(fact: AccountFact): void {
    const sums = new Map<string, number>();
    const seen = new Set<string>();
    for (const { account, commodity, amount, grantId, flows } of postingsOf(fact, 'a')) {
      sums.set(commodity, (sums.get(commodity) ?? 0) + amount);
      this.add(`${account} ${commodity}`, amount);
      const place = `${account} ${commodity} ${String(grantId)}`;
      if (seen.has(place)) throw new Error(`${fact.type} posts twice to ${place}`);
      seen.add(place);
      if (commodity === 'CREDIT' || grantId === null) continue;
      const money = this.moneyOf(grantId);
      for (const { figure, amount: part } of flows) money[figure] = (money[figure] ?? 0) + part * figureSign(figure);
    }
    for (const sum of sums.values()) if (sum !== 0) throw new Error(`${fact.type} is off by ${sum}`);
    if (fact.type !== 'CreditsConsumed' && fact.type !== 'CreditsRefunded') return;
    for (const { from, grant } of fact.data.reissued) {
      const moved = grant.costBasis?.amountMinor ?? 0;
      this.moneyOf(from.grantId).reissued = (this.moneyOf(from.grantId).reissued ?? 0) + moved;
      this.moneyOf(grant.grantId).basis = moved;
    }
  }

  private add(account: string, amount: number): void {
    this.balances.set(account, (this.balances.get(account) ?? 0) + amount);
  }

  private moneyOf(grantId: string): GrantMoney {
    let money = this.money.get(grantId);
    if (money === undefined) this.money.set(grantId, (money = {}));
    return money;
  }

  private check(fact: AccountFact): void {
    for (const bucket of BUCKETS) {
      const grants = [...this.state.grants.values()].filter((grant) => grant.bucket === bucket);
      const sum = (column: 'available' | 'held' | 'expired'): number => grants.reduce((total, grant) => total + grant[column], 0);
      for (const [account, column] of [
        [`customer:a:${bucket}:available`, 'available'],
        [`customer:a:${bucket}:held`, 'held'],
        [`expired:${bucket}`, 'expired'],
      ] as const) {
        const posted = this.balances.get(`${account} CREDIT`) ?? 0;
        if (posted !== sum(column)) expect([fact.type, account, posted]).toEqual([fact.type, account, sum(column)]);
      }
    }
    const outstanding = new Map<string, number>();
    for (const grant of this.state.grants.values()) {
      const { costBasis, credits, available, held, id } = grant;
      if (costBasis === null) continue;
      const deferred = costBasis.amountMinor - recognisedMinor(costBasis, credits - available - held, credits);
      outstanding.set(costBasis.currency, (outstanding.get(costBasis.currency) ?? 0) + deferred);
      const money = this.moneyOf(id);
      const gone =
        (money.recognised ?? 0) +
        (money.breakage ?? 0) +
        (money.moneyRevoked ?? 0) +
        (money.moneyAdjusted ?? 0) +
        (money.moneyRepaid ?? 0) +
        (money.reissued ?? 0);
      if (gone + deferred !== costBasis.amountMinor || (money.deferred ?? money.basis) !== costBasis.amountMinor)
        expect({ fact, id, ...money, deferred, total: gone + deferred }).toEqual({
          fact,
          id,
          ...money,
          deferred,
          total: costBasis.amountMinor,
        });
    }
    for (const currency of CURRENCIES) {
      const posted = this.balances.get(`liabilities:deferred-revenue ${currency}`) ?? 0;
      if (posted + (outstanding.get(currency) ?? 0) !== 0)
        expect([fact, currency, posted]).toEqual([fact, currency, -(outstanding.get(currency) ?? 0)]);
    }
  }

  /** Everything that was owed and repaid leaves the debt's receivable at nothing. */
  checkDebt(): void {
    const debt = this.balances.get('debt:a CREDIT') ?? 0;
    expect(debt).toBeLessThanOrEqual(0);
    if (debt === 0)
      for (const currency of CURRENCIES)
        expect([currency, this.balances.get(`assets:receivable:a ${currency}`) ?? 0]).toEqual([currency, 0]);
  }
}

describe('the entries of random histories', () => {
  const runs = { seed: Number(process.env['PROPERTY_SEED'] ?? 20_261_122), numRuns: Number(process.env['PROPERTY_RUNS'] ?? 400) };

  it.each(['grace', 'expire'] as const)(
    'balance at every fact, and every grant’s money is accounted for (lapsed refunds: %s)',
    (lapsedRefund) => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 8, maxLength: 40, size: 'max' }), (steps) => {
          const history = new History(lapsedRefund);
          for (const next of steps) history.run(next);
          history.checkDebt();
        }),
        runs,
      );
    },
    120_000,
  );
});
