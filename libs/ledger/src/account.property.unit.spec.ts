// Random histories against a naive account: what the decider decides is what the rules say, whatever comes in whatever order.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRefusal } from '#libs/kernel';
import {
  accountSnapshot,
  balanceView,
  decideAccount,
  evolveAccount,
  initialAccount,
  nextDueAt,
  previewReserve,
  type AccountCommand,
  type AccountFact,
  type AccountState,
  type LedgerContext,
  type LedgerPolicies,
} from '#libs/ledger';
import { ReferenceAccount } from '../test/account.reference.js';
import {
  count,
  goneOf,
  isFrozen,
  recognised,
  type ReferenceOutcome,
  type ReferencePlan,
  type ReferenceRequest,
} from '../test/grant.reference.js';
import { postingsOf } from '../test/postings.reference.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse('2026-01-31T20:30:00Z');
const BUCKETS = ['subscription', 'purchased', 'promotional', 'referral'] as const;
const TASKS = ['t0', 't1', 't2', 't3', 't4', 't5'];
const QUOTES = { q0: { quantity: 1, end: START + 5 * DAY }, q1: { quantity: 3, end: START + 40 * DAY } };
const PLANS: Readonly<Record<string, ReferencePlan>> = {
  none: { rank: 0, allowance: 0, upgrade: 'full' },
  free: { rank: 1, allowance: 13, upgrade: 'full' },
  pro: { rank: 2, allowance: 40, upgrade: 'full' },
  fair: { rank: 3, allowance: 70, upgrade: 'prorated' },
};
const CURRENCY = 'USD';
const ADJUSTMENT_LIMIT = 10;

type Action = Exclude<Step, { kind: 'wait' | 'again' }>;
type Step =
  | { kind: 'wait'; ms: number }
  | { kind: 'grant'; bucket: (typeof BUCKETS)[number]; credits: number; endsIn: number | null; cost: number | null }
  | { kind: 'reserve'; requests: Array<{ task: string; credits: number; rank: number; quote: keyof typeof QUOTES | null }> }
  | { kind: 'consume'; task: string; percent: number }
  | { kind: 'refund'; task: string }
  | { kind: 'late'; task: string; credits: number; percent: number }
  | { kind: 'goodwill'; task: string; credits: number }
  | { kind: 'plan'; plan: string }
  | { kind: 'reset' }
  | { kind: 'revoke'; grant: number; owed: boolean }
  | { kind: 'dispute'; grant: number; byReference: boolean }
  | { kind: 'endDispute'; dispute: number; outcome: 'won' | 'lost' }
  | { kind: 'adjust'; bucket: (typeof BUCKETS)[number]; credits: number; by: 'k1' | 'k2' }
  | { kind: 'decide'; adjustment: number; decision: 'applied' | 'rejected'; by: 'k1' | 'k2' }
  | { kind: 'suspend'; suspended: boolean }
  | { kind: 'due' }
  | { kind: 'again' };

const task = fc.constantFrom(...TASKS);
const percent = fc.oneof(
  { weight: 3, arbitrary: fc.constant(100) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 1, arbitrary: fc.integer({ min: 101, max: 250 }) },
);
const wait = fc.oneof(
  fc.constantFrom(1, HOUR, DAY, 2 * DAY, 7 * DAY, 31 * DAY),
  fc.integer({ min: 1, max: 70 * DAY }),
  // Another process's clock may be behind.
  fc.integer({ min: -HOUR / 2, max: -1 }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: wait }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      bucket: fc.constantFrom(...BUCKETS),
      credits: fc.integer({ min: 1, max: 20 }),
      endsIn: fc.option(fc.constantFrom(-1, 0, 1, HOUR, DAY, 7 * DAY, 40 * DAY)),
      cost: fc.option(fc.integer({ min: 0, max: 1000 }), { freq: 2 }),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      requests: fc.uniqueArray(
        fc.record({
          task,
          credits: fc.integer({ min: 1, max: 24 }),
          rank: fc.constantFrom(0, 0, 0, 2),
          quote: fc.option(fc.constantFrom('q0' as const, 'q1' as const), { freq: 3 }),
        }),
        { minLength: 1, maxLength: 3, selector: (request) => request.task },
      ),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('consume' as const), task, percent }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('refund' as const), task }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('late' as const), task, credits: fc.integer({ min: 1, max: 20 }), percent }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('goodwill' as const), task, credits: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('plan' as const), plan: fc.constantFrom(...Object.keys(PLANS)) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('revoke' as const), grant: fc.nat(6), owed: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('dispute' as const), grant: fc.nat(6), byReference: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('endDispute' as const),
      dispute: fc.nat(2),
      outcome: fc.constantFrom('won' as const, 'lost', 'lost'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('adjust' as const),
      bucket: fc.constantFrom(...BUCKETS),
      credits: fc.integer({ min: -14, max: 14 }).filter((credits) => credits !== 0),
      by: fc.constantFrom('k1' as const, 'k2' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{
        kind: fc.constant('decide' as const),
        adjustment: fc.nat(2),
        decision: fc.constantFrom('applied' as const, 'rejected' as const),
      },
      by: fc.constantFrom('k1' as const, 'k2' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('suspend' as const), suspended: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('due' as const) }) },
  // A retry, a redelivery: the very same command once more.
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('again' as const) }) },
);

/** Few, so that what is held is most often ended. */
const fewTasks = fc.constantFrom('t0', 't0', 't1');
/** Purchases that are spent, disputed, taken back, owed and repaid: small ones of few cents, so that every rounding shows. */
const claimStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, HOUR, DAY, 7 * DAY, 31 * DAY) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      bucket: fc.constantFrom('purchased' as const, 'purchased' as const, 'subscription' as const),
      credits: fc.integer({ min: 1, max: 12 }),
      endsIn: fc.option(fc.constantFrom(DAY, 7 * DAY, 40 * DAY), { freq: 2 }),
      cost: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      requests: fc.tuple(
        fc.record({ task: fewTasks, credits: fc.integer({ min: 1, max: 9 }), rank: fc.constant(0), quote: fc.constant(null) }),
      ),
    }),
  },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('consume' as const), task: fewTasks, percent }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('refund' as const), task: fewTasks }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('goodwill' as const), task: fewTasks, credits: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('revoke' as const), grant: fc.nat(4), owed: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('dispute' as const), grant: fc.nat(4), byReference: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      ...{ kind: fc.constant('endDispute' as const), dispute: fc.nat(1) },
      outcome: fc.constantFrom('won' as const, 'lost' as const, 'lost' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ kind: fc.constant('adjust' as const), bucket: fc.constant('purchased' as const) },
      credits: fc.integer({ min: -14, max: 14 }).filter((credits) => credits !== 0),
      by: fc.constantFrom('k1' as const, 'k2' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ kind: fc.constant('decide' as const), adjustment: fc.constant(0), decision: fc.constant('applied' as const) },
      by: fc.constantFrom('k1' as const, 'k2' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('again' as const) }) },
);

const world = fc.record({
  burnOrder: fc.shuffledSubarray([...BUCKETS], { minLength: 4 }),
  lapsedRefund: fc.constantFrom('grace' as const, 'expire' as const),
  graceDays: fc.constantFrom(1, 7),
  overConsumption: fc.constantFrom('reject' as const, 'cap' as const, 'debt' as const),
  plan: fc.constantFrom(...Object.keys(PLANS)),
  anchorDays: fc.constantFrom(0, -1, -30, -400, 1, 20, 70),
  zone: fc.constantFrom(['UTC', 0] as const, ['Asia/Tokyo', 9] as const, ['Etc/GMT+7', -7] as const),
});
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

/** Millions of comparisons: the matcher, which explains, is only asked where they differ. */
function same<T>(actual: T, expected: T): void {
  if (actual !== expected && JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual).toEqual(expected);
}

/** The decider and the reference, told the same. */
class Twins {
  now = START;
  state: AccountState = initialAccount();
  readonly facts: AccountFact[] = [];
  readonly reference: ReferenceAccount;
  private readonly policies: LedgerPolicies;
  private readonly books = new Map<string, number>();
  private commands = 0;
  private last: Exclude<Step, { kind: 'again' }> | null = null;
  /** Task ids are never used again: a slot's next reservation after an ending has a new one. */
  private readonly lives = new Map<string, { life: number; over: boolean }>();

  constructor(readonly world: World) {
    const { plan, anchorDays, zone, ...policies } = world;
    this.policies = { ...policies, adjustmentLimit: ADJUSTMENT_LIMIT };
    const anchor = START + anchorDays * DAY;
    const open: AccountCommand = {
      type: 'OpenAccount',
      accountId: 'a',
      name: { $erasable: '' },
      plan,
      timezone: zone[0],
      billingAnchor: anchor,
    };
    same(this.tell(open), 'done');
    this.commands = 0;
    this.reference = new ReferenceAccount(
      { ...policies, adjustmentLimit: ADJUSTMENT_LIMIT, zoneHours: zone[1], plans: PLANS },
      plan,
      anchor,
      START,
      this.ids(),
    );
    this.compare();
  }

  private ids(): () => string {
    let made = 0;
    const prefix = `g${String(this.commands).padStart(4, '0')}`;
    return () => `${prefix}.${made++}`;
  }

  private context(): LedgerContext {
    const planTerms = (id: string) => {
      const plan = PLANS[id];
      return plan === undefined ? null : { id, version: 1, rank: plan.rank, monthlyAllowance: plan.allowance, upgradeCredit: plan.upgrade };
    };
    return { policies: this.policies, planTerms, nextGrantId: this.ids(), nextDebtId: this.ids() };
  }

  run(next: Step): void {
    const now = next.kind === 'again' ? this.last : next;
    if (now === null) return;
    this.last = now;
    if (now.kind === 'wait') {
      this.now += now.ms;
      return;
    }
    this.commands += 1;
    if (next.kind === 'reserve') for (const { task: slot } of next.requests) this.beginLife(slot);
    const command = this.commandOf(now);
    const expected = this.expected(now);
    const outcome = this.tell(command);
    same({ step: now, outcome }, { step: now, outcome: expected });
    if (outcome === 'done' && (now.kind === 'consume' || now.kind === 'refund'))
      this.lives.set(now.task, { life: this.lives.get(now.task)?.life ?? 0, over: true });
    this.compare();
    if (this.commands % 4 === 0) this.compareDue();
    // Whatever a snapshot costs or saves, it never changes the meaning.
    if (this.commands % 7 === 0)
      this.state = accountSnapshot.decode(JSON.parse(JSON.stringify(accountSnapshot.encode(this.state))) as never);
  }

  private beginLife(slot: string): void {
    const now = this.lives.get(slot);
    if (now?.over === true) this.lives.set(slot, { life: now.life + 1, over: false });
  }

  private taskId(slot: string): string {
    return `${slot}.${this.lives.get(slot)?.life ?? 0}`;
  }

  private tell(command: AccountCommand): ReferenceOutcome {
    const before = JSON.stringify(accountSnapshot.encode(this.state));
    const decision = decideAccount(this.state, command, this.now, this.context());
    same(JSON.stringify(accountSnapshot.encode(this.state)), before);
    if (isRefusal(decision)) return `refused ${decision.code}`;
    if (!Array.isArray(decision)) return 'unchanged';
    for (const fact of JSON.parse(JSON.stringify(decision)) as AccountFact[]) {
      evolveAccount(this.state, fact);
      this.facts.push(fact);
      this.post(fact);
    }
    return 'done';
  }

  private post(fact: AccountFact): void {
    const sums = new Map<string, number>();
    for (const { account, commodity, amount } of postingsOf(fact)) {
      sums.set(commodity, (sums.get(commodity) ?? 0) + amount);
      this.books.set(`${account} ${commodity}`, (this.books.get(`${account} ${commodity}`) ?? 0) + amount);
    }
    for (const sum of sums.values()) same(sum, 0);
  }

  private commandOf(next: Action): AccountCommand {
    switch (next.kind) {
      case 'grant': {
        const costBasis = next.cost === null ? null : { currency: CURRENCY, amountMinor: next.cost };
        return {
          type: 'GrantCredits',
          bucket: next.bucket,
          credits: next.credits,
          expiresAt: next.endsIn === null ? null : this.now + next.endsIn,
          reference: referenceOf(next.credits),
          costBasis,
        };
      }
      case 'reserve':
        return {
          type: 'Reserve',
          openTasksMax: 4,
          requests: next.requests.map((request) => this.request(this.taskId(request.task), request.credits, request.rank, request.quote)),
        };
      case 'consume':
        return { type: 'Consume', reservationId: this.taskId(next.task), deliveredFraction: fractionOf(next.percent), providerCost: [] };
      case 'refund':
        return { type: 'Refund', reservationId: this.taskId(next.task), reason: 'r', providerCost: [] };
      case 'late':
        return {
          type: 'TakeLateResult',
          request: this.request(`late.${this.commands}`, next.credits, 0, null),
          deliveredFraction: fractionOf(next.percent),
          providerCost: [],
        };
      case 'goodwill':
        return {
          type: 'RefundGoodwill',
          taskId: this.taskId(next.task),
          model: 'm',
          reservationId: this.taskId(next.task),
          credits: next.credits,
          reason: 'r',
          consumed: this.consumedBy(this.taskId(next.task)),
          overConsumed: this.overConsumedBy(this.taskId(next.task)),
        };
      case 'plan':
        return { type: 'ChangePlan', plan: next.plan };
      case 'reset':
        return { type: 'ResetCycle', reason: 'r' };
      case 'revoke':
        return { type: 'RevokeGrant', grantId: this.grantId(next.grant), reason: 'r', spent: next.owed ? 'debt' : 'forgive' };
      case 'dispute': {
        const by = next.byReference
          ? { reference: referenceOf(next.grant), grantId: null }
          : { reference: null, grantId: this.grantId(next.grant) };
        return { type: 'OpenDispute', disputeId: `d${this.commands}`, reason: 'r', ...by };
      }
      case 'endDispute':
        return { type: 'EndDispute', disputeId: this.disputeId(next.dispute), outcome: next.outcome };
      case 'adjust': {
        const { bucket, credits, by } = next;
        return { type: 'Adjust', adjustmentId: `a${this.commands}`, bucket, credits, reason: 'r', ticket: 't', requestedBy: by };
      }
      case 'decide': {
        const adjustmentId = this.adjustmentId(next.adjustment);
        return next.decision === 'applied'
          ? { type: 'ApproveAdjustment', adjustmentId, approvedBy: next.by }
          : { type: 'RejectAdjustment', adjustmentId, rejectedBy: next.by, reason: 'r' };
      }
      case 'suspend':
        return next.suspended ? { type: 'Suspend', reason: 'r' } : { type: 'Resume', reason: 'r' };
      case 'due':
        return { type: 'BookDue' };
    }
  }

  private expected(next: Action): ReferenceOutcome {
    const facts = dueChanges(this.reference, this.now);
    return this.reference.run(this.now, this.ids(), (account, now) => {
      switch (next.kind) {
        case 'grant':
          return account.grant(
            now,
            next.bucket,
            next.credits,
            next.endsIn === null ? null : now + next.endsIn,
            next.cost === null ? null : BigInt(next.cost),
            referenceOf(next.credits),
          );
        case 'reserve':
          return account.reserve(
            now,
            next.requests.map((request) => ({
              ...request,
              task: this.taskId(request.task),
              quote: request.quote === null ? null : { id: request.quote, ...QUOTES[request.quote] },
            })),
            4,
          );
        case 'consume':
          return account.consume(now, this.taskId(next.task), next.percent);
        case 'refund':
          return account.refund(now, this.taskId(next.task));
        case 'late':
          return account.takeLate(now, { task: `late.${this.commands}`, credits: next.credits, rank: 0, quote: null }, next.percent);
        case 'goodwill':
          return account.goodwill(now, this.taskId(next.task), next.credits);
        case 'plan':
          return account.changePlan(now, next.plan);
        case 'reset':
          return account.reset(now);
        case 'revoke':
          return account.revoke(this.grantId(next.grant), next.owed);
        case 'dispute':
          return account.openDispute(
            `d${this.commands}`,
            next.byReference ? { reference: referenceOf(next.grant) } : { grant: this.grantId(next.grant) },
          );
        case 'endDispute':
          return account.endDispute(this.disputeId(next.dispute), next.outcome);
        case 'adjust':
          return account.adjust(now, `a${this.commands}`, next.bucket, next.credits, next.by);
        case 'decide':
          return account.decideAdjustment(now, this.adjustmentId(next.adjustment), next.decision, next.by);
        case 'suspend':
          return account.suspend(next.suspended);
        case 'due':
          return facts ? 'done' : 'unchanged';
      }
    });
  }

  private request(id: string, credits: number, rank: number, quote: keyof typeof QUOTES | null) {
    const named = quote === null ? null : { id: quote, quantity: QUOTES[quote].quantity, expiresAt: QUOTES[quote].end };
    return {
      reservationId: id,
      taskId: id,
      model: 'm',
      priceVersion: 'm@1',
      credits,
      minimumPlan: 'x',
      minimumPlanRank: rank,
      quote: named,
    };
  }

  /** As the caller reads it from the log. */
  private consumedBy(taskId: string): Array<{ grantId: string; credits: number }> {
    const parts = this.facts.flatMap((fact) => (fact.type === 'CreditsConsumed' && fact.data.taskId === taskId ? fact.data.parts : []));
    return parts.map((part) => ({ grantId: part.grantId, credits: part.credits }));
  }

  private overConsumedBy(taskId: string): number {
    const isOf = (fact: AccountFact): boolean =>
      fact.type === 'DebtRecorded' && fact.data.cause === 'over_consumption' && fact.data.taskId === taskId;
    return this.facts.filter(isOf).reduce((sum, fact) => sum + (fact.data as { credits: number }).credits, 0);
  }

  /** The youngest first, so that most endings are of one that is open. */
  private disputeId(index: number): string {
    return [...this.reference.disputes.keys()].reverse()[index] ?? 'none';
  }

  private adjustmentId(index: number): string {
    return [...this.reference.adjustments.keys()].reverse()[index] ?? 'none';
  }

  private grantId(index: number): string {
    return this.reference.grants[index]?.id ?? 'none';
  }

  /** Everything that both know, grant by grant, and the books that the facts alone make. */
  compare(): void {
    const { reference, state } = this;
    const theirs = reference.grants.map((grant) => ({
      ...{
        id: grant.id,
        bucket: grant.bucket,
        credits: grant.credits.length,
        grantedAt: grant.grantedAt,
        expiresAt: grant.end,
        reissuedFrom: grant.from,
        isRevoked: grant.revoked,
        spentIsDebt: grant.owed,
        disputeId: grant.dispute,
      },
      ...{ available: count(grant, 'available'), held: count(grant, 'held'), consumed: count(grant, 'consumed') },
      ...{ expired: count(grant, 'expired'), revoked: count(grant, 'revoked'), reissued: count(grant, 'reissued') },
      ...{ adjusted: count(grant, 'adjusted'), repaid: count(grant, 'repaid') },
      money: grant.cost === null ? null : Object.values(grant.out).map(Number),
      cost: grant.cost === null ? null : Number(grant.cost),
    }));
    const ours = Array.from(
      state.grants.values(),
      ({
        id,
        bucket,
        credits,
        grantedAt,
        expiresAt,
        reissuedFrom,
        isRevoked,
        available,
        held,
        consumed,
        expired,
        revoked,
        reissued,
        adjusted,
        repaid,
        spentIsDebt,
        disputeId,
        money,
        costBasis,
      }) => ({
        ...{ id, bucket, credits, grantedAt, expiresAt, reissuedFrom, isRevoked, spentIsDebt, disputeId },
        ...{ available, held, consumed, expired, revoked, reissued, adjusted, repaid },
        money: money && [money.consumed, money.expired, money.revoked, money.reissued, money.adjusted, money.repaid],
        cost: costBasis?.amountMinor ?? null,
      }),
    );
    same(ours, theirs);
    const { plan, pendingPlan, status, nextResetAt, nextCycle, available, held } = state;
    const sum = (place: 'available' | 'held'): number => reference.grants.reduce((total, grant) => total + count(grant, place), 0);
    same(
      { plan, pendingPlan, status, nextResetAt, nextCycle, available, held, open: [...state.reservations.keys()].sort() },
      {
        ...{ plan: reference.plan, pendingPlan: reference.pending, status: reference.suspended ? 'suspended' : 'active' },
        ...{
          nextResetAt: reference.boundaryAt(reference.boundary),
          nextCycle: reference.boundary,
          available: sum('available'),
          held: sum('held'),
        },
        open: [...reference.holds.keys()].sort(),
      },
    );
    for (const bucket of BUCKETS) {
      const grants = reference.grants.filter((grant) => grant.bucket === bucket);
      same(
        this.books.get(`${bucket}:available CREDIT`) ?? 0,
        grants.reduce((total, grant) => total + count(grant, 'available'), 0),
      );
      same(
        this.books.get(`${bucket}:held CREDIT`) ?? 0,
        grants.reduce((total, grant) => total + count(grant, 'held'), 0),
      );
      same(
        this.books.get(`expired:${bucket} CREDIT`) ?? 0,
        grants.reduce((total, grant) => total + count(grant, 'expired'), 0),
      );
      same(
        this.books.get(`revoked:${bucket} CREDIT`) ?? 0,
        grants.reduce((total, grant) => total + count(grant, 'revoked') - grant.writtenOff, 0),
      );
    }
    this.compareClaims();
    // Deferred revenue is what every grant has not sent out yet, to the last minor unit.
    const deferred = reference.grants.reduce((total, grant) => total + (grant.cost ?? 0n) - recognised(grant, goneOf(grant)), 0n);
    same((this.books.get(`liabilities:deferred-revenue ${CURRENCY}`) ?? 0) + Number(deferred), 0);
  }

  /** What is frozen and owed, and where the money of it stands: what a loss took back, and what is receivable for it. */
  private compareClaims(): void {
    const { reference, state } = this;
    const frozen = reference.grants.filter(isFrozen).reduce((sum, grant) => sum + count(grant, 'available'), 0);
    const disputes = Array.from(reference.disputes, ([id, { status, grants }]) => [id, status, ...grants.map((grant) => grant.id)]);
    const open = reference.debts.open();
    same(
      {
        ...{
          frozen: state.frozen,
          debt: state.debt,
          disputes: Array.from(state.disputes.values(), (one) => [one.disputeId, one.status, ...one.grantIds]),
        },
        debts: Array.from(state.debts.values(), (debt) => [debt.grantId, debt.credits, debt.settled, debt.money?.amountMinor ?? 0]),
      },
      {
        ...{ frozen, debt: reference.debts.owing(), disputes },
        debts: open.map((debt) => [debt.of?.id ?? null, debt.credits, debt.settled, Number(debt.money)]),
      },
    );
    same(-(this.books.get('debt CREDIT') ?? 0), reference.debts.owing());
    const receivable = reference.debts.list.reduce(
      (sum, debt) => sum + debt.money - floorDiv(debt.money * BigInt(debt.settled), BigInt(debt.credits)),
      0n,
    );
    same(this.books.get(`assets:receivable ${CURRENCY}`) ?? 0, Number(receivable));
    // Once the last hold has ended, clearing has given back exactly what such a grant cost, less what went on with a reissue.
    const clearing = reference.grants.reduce((sum, grant) => {
      const sold = grant.from === null ? (grant.cost ?? 0n) : 0n;
      const givenBack = grant.owed ? recognised(grant, goneOf(grant)) - grant.out.reissued : grant.takenBack;
      return sum + sold - givenBack;
    }, 0n);
    same(this.books.get(`assets:clearing ${CURRENCY}`) ?? 0, Number(clearing));
  }

  /** The next instant at which something is due, the balance as it is shown, and the preview of a reservation. */
  private compareDue(): void {
    const { reference, state, now } = this;
    const ends = reference.grants
      .filter((grant) => grant.end !== null && count(grant, 'available') > 0)
      .map((grant) => grant.end as number);
    same(nextDueAt(state), Math.min(reference.boundaryAt(reference.boundary), ...ends));
    const shown = balanceView(state, now, { revision: 0, position: '' }, { burnOrder: this.policies.burnOrder, allowanceOf: () => 0 });
    const valid = reference.grants.filter((grant) => !grant.cycleEndedEarly && (grant.end === null || grant.end > now));
    same(
      shown.available,
      valid.reduce((total, grant) => total + count(grant, 'available'), 0),
    );
    same(
      shown.frozen,
      valid.filter(isFrozen).reduce((total, grant) => total + count(grant, 'available'), 0),
    );
    const preview = previewReserve(state, now, this.context(), 9);
    let drawn: Array<{ grantId: string; credits: number }> = [];
    const probe: ReferenceRequest = { task: 'probe', credits: 9, rank: 0, quote: null };
    const outcome = reference.run(now, this.ids(), (account, at) => {
      const result = account.reserve(at, [probe], Infinity);
      const held = account.holds.get('probe') ?? [];
      drawn = [...new Set(held.map(([grant]) => grant))].map((grant) => ({
        grantId: grant.id,
        credits: held.filter(([origin]) => origin === grant).length,
      }));
      return result === 'done' ? 'unchanged' : result;
    });
    same(preview.denial === null ? 'unchanged' : `refused ${preview.denial.code}`, outcome);
    if (preview.denial === null)
      same(
        preview.drawdown.map(({ grantId, credits }) => ({ grantId, credits })),
        drawn,
      );
  }

  /** From nothing, and from the facts alone. */
  replay(): void {
    const replayed = initialAccount();
    for (const fact of this.facts) evolveAccount(replayed, fact);
    same(accountSnapshot.encode(replayed), accountSnapshot.encode(this.state));
  }
}

function dueChanges(reference: ReferenceAccount, now: number): boolean {
  return (
    reference.boundaryAt(reference.boundary) <= now ||
    reference.grants.some((grant) => grant.end !== null && grant.end <= now && count(grant, 'available') > 0)
  );
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a < 0n && a % b !== 0n ? quotient - 1n : quotient;
}

/** A handful of invoices, several grants to some. */
function referenceOf(seed: number): string {
  return `inv-${seed % 4}`;
}

function fractionOf(percent: number): string {
  return `${Math.floor(percent / 100)}.${String(percent % 100).padStart(2, '0')}`;
}

describe('random histories', () => {
  const seed = Number(process.env['PROPERTY_SEED'] ?? 20261121);
  const runs = Number(process.env['PROPERTY_RUNS'] ?? 1500);

  function agree(worlds: fc.Arbitrary<World>, steps: fc.Arbitrary<Step[]>, numRuns: number): void {
    fc.assert(
      fc.property(worlds, steps, (given, history) => {
        const twins = new Twins(given);
        for (const next of history) twins.run(next);
        twins.replay();
      }),
      { seed, numRuns },
    );
  }

  it('agree with the naive account after every command, balance their books at every step, and replay from nothing', () => {
    agree(world, fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), runs);
  });

  it('agree with it where purchases are disputed, taken back, owed and repaid, in any order', () => {
    const worlds = world.map((given): World => ({ ...given, plan: 'none', anchorDays: 0 }));
    agree(worlds, fc.array(claimStep, { minLength: 20, maxLength: 45, size: 'max' }), Math.ceil(runs / 3));
  });
});
