// The words that ledger specs are written in: an account with a past, a command at an instant, and what it comes to.
import { expect } from '@jest/globals';
import { isRefusal, type InstantMs } from '#libs/kernel';
import {
  accountSnapshot,
  balanceView,
  cloneAccount,
  decideAccount,
  evolveAccount,
  initialAccount,
  type AccountCommand,
  type AccountDecision,
  type AccountFact,
  type AccountFactType,
  type AccountRefusalCode,
  type AccountState,
  type BalanceView,
  type GrantState,
  type LedgerContext,
  type LedgerPolicies,
  type PlanTerms,
  type ReserveRequest,
} from '#libs/ledger';

export const PLANS: Readonly<Record<string, PlanTerms>> = {
  none: { id: 'none', version: 1, rank: 0, monthlyAllowance: 0, upgradeCredit: 'full' },
  free: { id: 'free', version: 1, rank: 1, monthlyAllowance: 200, upgradeCredit: 'full' },
  pro: { id: 'pro', version: 1, rank: 2, monthlyAllowance: 2000, upgradeCredit: 'full' },
  fair: { id: 'fair', version: 1, rank: 3, monthlyAllowance: 3000, upgradeCredit: 'prorated' },
  max: { id: 'max', version: 1, rank: 4, monthlyAllowance: 10000, upgradeCredit: 'full' },
};

export const POLICIES: LedgerPolicies = {
  burnOrder: ['subscription', 'purchased', 'promotional', 'referral'],
  lapsedRefund: 'grace',
  graceDays: 7,
  overConsumption: 'reject',
  adjustmentLimit: 1000,
};

export function testContext(policies: Partial<LedgerPolicies> = {}, prefix = 'g'): LedgerContext {
  let grants = 0;
  let debts = 0;
  return {
    policies: { ...POLICIES, ...policies },
    planTerms: (plan) => PLANS[plan] ?? null,
    nextGrantId: () => `${prefix}.${grants++}`,
    nextDebtId: () => `debt.${prefix}.${debts++}`,
  };
}

export type FactData<Type extends AccountFactType> = Extract<AccountFact, { type: Type }>['data'];

/** An account that is told things one after the other; its clock stands where it was put. */
export class AccountScript {
  state: AccountState = initialAccount();
  /** Everything that ever happened. */
  readonly facts: AccountFact[] = [];
  private commands = 0;

  constructor(
    public now: InstantMs,
    private policies: Partial<LedgerPolicies> = {},
  ) {}

  at(instant: string): this {
    this.now = Date.parse(instant);
    return this;
  }

  withPolicies(policies: Partial<LedgerPolicies>): this {
    this.policies = policies;
    return this;
  }

  context(): LedgerContext {
    return testContext(this.policies, `g${this.commands}`);
  }

  decide(command: AccountCommand): AccountDecision {
    this.commands += 1;
    const before = JSON.stringify(accountSnapshot.encode(this.state));
    const decision = decideAccount(this.state, command, this.now, this.context());
    expect(JSON.stringify(accountSnapshot.encode(this.state))).toBe(before);
    return decision;
  }

  /** Tells it and takes the facts; a refusal or nothing fails the spec. */
  do(command: AccountCommand): AccountFact[] {
    const decision = this.decide(command);
    if (!Array.isArray(decision)) throw new Error(`${command.type} came to ${JSON.stringify(decision)}`);
    // Facts reach every reader through JSON.
    const facts = JSON.parse(JSON.stringify(decision)) as AccountFact[];
    for (const fact of facts) evolveAccount(this.state, fact);
    this.facts.push(...facts);
    return facts;
  }

  /** Tells it and expects these fact types, no more and no fewer. */
  then(command: AccountCommand, ...types: AccountFactType[]): AccountFact[] {
    const facts = this.do(command);
    expect(facts.map((fact) => fact.type)).toEqual(types);
    return facts;
  }

  refuses(command: AccountCommand, code: AccountRefusalCode, fields: object = {}): void {
    const decision = this.decide(command);
    expect(isRefusal(decision) ? { code: decision.code, fields: decision.fields ?? {} } : decision).toMatchObject({ code, fields });
  }

  shrugs(command: AccountCommand): void {
    expect(this.decide(command)).toEqual({ unchanged: true });
  }

  open(plan = 'pro', more: Partial<Extract<AccountCommand, { type: 'OpenAccount' }>> = {}): this {
    this.do({ type: 'OpenAccount', accountId: 'acc_1', name: { $erasable: 'x' }, plan, timezone: 'UTC', billingAnchor: null, ...more });
    return this;
  }

  /** Answers the new grant's id. */
  grant(bucket: GrantState['bucket'], credits: number, more: Partial<Extract<AccountCommand, { type: 'GrantCredits' }>> = {}): string {
    const facts = this.do({ type: 'GrantCredits', bucket, credits, expiresAt: null, reference: null, costBasis: null, ...more });
    // A repayment may follow it, and what was due comes before it.
    return (facts.findLast((fact) => fact.type === 'CreditsGranted') as Extract<AccountFact, { type: 'CreditsGranted' }>).data.grantId;
  }

  reserve(taskId: string, credits: number): AccountFact[] {
    return this.do(reserve(request(taskId, credits)));
  }

  grantOf(id: string): GrantState {
    const grant = this.state.grants.get(id);
    if (grant === undefined) throw new Error(`no grant ${id}`);
    return grant;
  }

  balance(at: InstantMs = this.now): BalanceView {
    return balanceView(
      this.state,
      at,
      { revision: this.facts.length - 1, position: '0' },
      { burnOrder: POLICIES.burnOrder, allowanceOf: (plan) => PLANS[plan]?.monthlyAllowance ?? 0 },
    );
  }

  /** Bucket → available + held, of those that have any. */
  buckets(): Record<string, [available: number, held: number]> {
    const { buckets } = this.balance();
    return Object.fromEntries(
      Object.entries(buckets)
        .filter(([, b]) => b.available + b.held > 0)
        .map(([name, b]) => [name, [b.available, b.held]]),
    );
  }

  copy(): AccountState {
    return cloneAccount(this.state);
  }
}

/** An account that begins its life at an instant. */
export function given(instant: string, policies: Partial<LedgerPolicies> = {}): AccountScript {
  return new AccountScript(Date.parse(instant), policies);
}

export function request(taskId: string, credits: number, more: Partial<ReserveRequest> = {}): ReserveRequest {
  return {
    reservationId: taskId,
    taskId,
    model: 'm',
    priceVersion: 'm@1',
    credits,
    minimumPlan: 'none',
    minimumPlanRank: 0,
    quote: null,
    ...more,
  };
}

export function reserve(...requests: ReserveRequest[]): AccountCommand {
  return { type: 'Reserve', requests, openTasksMax: 1000 };
}

export function consume(reservationId: string, deliveredFraction = '1'): AccountCommand {
  return { type: 'Consume', reservationId, deliveredFraction, providerCost: [] };
}

export function refund(reservationId: string): AccountCommand {
  return { type: 'Refund', reservationId, reason: 'failed', providerCost: [] };
}

/** The one fact of a type among facts. */
export function only<Type extends AccountFactType>(facts: readonly AccountFact[], type: Type): FactData<Type> {
  const found = facts.filter((fact) => fact.type === type);
  expect(found).toHaveLength(1);
  return (found[0] as Extract<AccountFact, { type: Type }>).data as FactData<Type>;
}
