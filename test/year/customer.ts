// One customer's life in the generated year: buys, generates, complains, disputes, comes back. Everything is told to the real deciders.
import { toIso } from '#libs/kernel';
import { nextDueAt, type AccountCommand, type AccountFact, type AccountState } from '#libs/ledger';
import type { World } from '../../libs/projections/src/testing/world.js';
import { Random } from './random.js';

const DAY_MS = 86_400_000;
const MODELS = ['pika-basic', 'kling-ai-5s', 'kling-ai-10s', 'seedance-2-5s', 'sora-2-10s'] as const;
const PRICES = [40, 70, 140, 100, 200] as const;
const CURRENCIES = ['USD', 'USD', 'USD', 'EUR', 'JPY', 'KWD'] as const;
const PLANS = ['free', 'pro'] as const;
const PROVIDERS = ['simulator', 'north', 'south'] as const;
const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Tokyo', 'America/New_York'] as const;
const FRACTIONS = ['1', '1', '1', '1', '0.5', '0.333333', '0', '1.2'] as const;
const FAILURE = { code: 'provider_failed', detail: 'it broke', blame: 'provider', retryable: false } as const;

interface Consumed {
  taskId: string;
  model: string;
  parts: Array<{ grantId: string; credits: number }>;
  beyond: number;
}

/** What was counted of a year, to say that it had everything in it. */
export type Tally = Map<string, number>;

export class Customer {
  readonly #random: Random;
  readonly #running: string[] = [];
  readonly #consumed: Consumed[] = [];
  readonly #disputes: string[] = [];
  readonly #adjustments: string[] = [];
  #suspended = false;
  #serial = 0;

  constructor(
    private readonly world: World,
    readonly id: string,
    seed: number,
    private readonly tally: Tally,
  ) {
    this.#random = Random.of(seed, id);
  }

  private get state(): AccountState {
    return this.world.accounts.get(this.id)?.state as AccountState;
  }

  private get now(): number {
    return this.world.clock.now();
  }

  async open(): Promise<void> {
    const plan = this.#random.of(PLANS);
    const name = { $erasable: 'name' };
    await this.world.account(this.id, {
      type: 'OpenAccount',
      accountId: this.id,
      name,
      plan,
      timezone: this.#random.of(ZONES),
      billingAnchor: null,
    });
  }

  /** From the world, before the facts are durable. */
  heard(facts: readonly AccountFact[]): void {
    for (const fact of facts) {
      this.tally.set(fact.type, (this.tally.get(fact.type) ?? 0) + 1);
      if (fact.type === 'CreditsConsumed' && fact.data.consumed > 0) {
        const parts = fact.data.parts.map(({ grantId, credits }) => ({ grantId, credits }));
        this.#consumed.push({ taskId: fact.data.taskId, model: fact.data.model, parts, beyond: 0 });
      } else if (fact.type === 'DebtRecorded' && fact.data.cause === 'over_consumption') {
        const task = this.#consumed.find(({ taskId }) => taskId === fact.data.taskId);
        if (task !== undefined) task.beyond += fact.data.credits;
      }
    }
  }

  /** One stretch of time in which it begins `tasks` tasks. */
  async live(tasks: number): Promise<void> {
    const due = nextDueAt(this.state);
    if (due !== null && due <= this.now && this.#random.chance(0.7)) await this.tell({ type: 'BookDue' });
    for (const taskId of this.#running.splice(0)) {
      if (this.#random.chance(0.6)) await this.end(taskId);
      else this.#running.push(taskId);
    }
    for (let task = 0; task < tasks; task += 1) await this.begin();
    await this.misfortunes();
  }

  private tell(command: AccountCommand): Promise<boolean> {
    return this.world.account(this.id, command);
  }

  private async begin(): Promise<void> {
    const choice = this.#random.whole(0, MODELS.length - 1);
    const credits = PRICES[choice] as number;
    const spendable = this.state.available;
    if (spendable < credits && !this.#suspended) await this.buy(this.#random.of([100, 333, 500, 1_000, 999]));
    const taskId = await this.world.submit(this.id, { credits, model: MODELS[choice], deadlineMs: 3_600_000 });
    if (!this.state.reservations.has(taskId)) return;
    if (this.#random.chance(0.7)) await this.end(taskId);
    else this.#running.push(taskId);
  }

  private async buy(credits: number, reference = `invoice-${this.id}-${(this.#serial += 1)}`): Promise<void> {
    const expiresAt = this.#random.chance(0.3) ? this.now + this.#random.whole(5, 120) * DAY_MS : null;
    const costBasis = { currency: this.#random.of(CURRENCIES), amountMinor: this.#random.whole(1, credits * 3) };
    await this.tell({ type: 'GrantCredits', bucket: 'purchased', credits, expiresAt, reference, costBasis });
  }

  private async end(taskId: string): Promise<void> {
    const known = this.world.tasks.get(taskId)?.state;
    if (known === undefined) return;
    const provider = this.#random.of(PROVIDERS);
    const cost = this.#random.chance(0.9) ? { currency: 'USD', amountMinor: this.#random.whole(1, 90) } : null;
    await this.world.task(taskId, { type: 'Dispatch', provider });
    await this.world.task(taskId, { type: 'Accept', attempt: 1, providerJobId: `job-${taskId}` });
    const luck = this.#random.next();
    if (luck < 0.8) {
      const assets = [{ url: `https://assets.test/${taskId}.mp4`, mediaType: 'video/mp4', durationSeconds: '5' }];
      const deliveredFraction = this.#random.of(FRACTIONS);
      const verdict = { assets, deliveredFraction, excess: 'debt', actualDurationSeconds: null, cost, lateResultPolicy: 'offer' } as const;
      await this.world.task(taskId, { type: 'Complete', attempt: 1, ...verdict });
    } else if (luck < 0.9) {
      await this.world.task(taskId, { type: 'Fail', attempt: 1, failure: FAILURE, cost, lateResultPolicy: 'offer' });
    } else if (!(await this.world.task(taskId, { type: 'TimeOut' }))) {
      // Its deadline is yet to come.
      this.#running.push(taskId);
      return;
    }
    await this.world.settle(taskId);
    if (luck >= 0.9 && cost !== null) await this.late(taskId, known.model, provider, cost);
  }

  /** A result after the refund: taken at the quoted price, or a cost that nobody pays for. */
  private async late(taskId: string, model: string, provider: string, cost: { currency: string; amountMinor: number }): Promise<void> {
    const providerCost = { attempt: 1, provider, providerJobId: `job-${taskId}`, model, cost };
    const assets = [{ url: `https://assets.test/${taskId}.mp4`, mediaType: 'video/mp4', durationSeconds: '5' }];
    const result = { assets, deliveredFraction: '1', actualDurationSeconds: null, cost, lateResultPolicy: 'offer' } as const;
    await this.world.task(taskId, { type: 'Complete', attempt: 1, ...result });
    if (this.#random.chance(0.4)) {
      const credits = this.world.tasks.get(taskId)?.state.credits ?? 0;
      const reservationId = `${taskId}.late`;
      const request = {
        reservationId,
        taskId,
        model,
        priceVersion: `${model}@1`,
        credits,
        minimumPlan: 'free',
        minimumPlanRank: 0,
        quote: null,
      };
      const taken = await this.tell({ type: 'TakeLateResult', request, deliveredFraction: '1', providerCost: [] });
      if (taken) this.tally.set('late result taken', (this.tally.get('late result taken') ?? 0) + 1);
    }
    await this.tell({ type: 'BookProviderCost', taskId, providerCost });
  }

  private async misfortunes(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.02)) await this.gift();
    if (random.chance(0.02)) await this.goodwill();
    if (random.chance(0.004)) await this.tell({ type: 'ChangePlan', plan: random.of(PLANS) });
    if (random.chance(0.002)) await this.tell({ type: 'ResetCycle', reason: 'an operator asked' });
    if (random.chance(0.004)) await this.revoke();
    if (random.chance(0.006)) await this.dispute();
    if (this.#disputes.length > 0 && random.chance(0.1)) {
      const disputeId = this.#disputes.shift() as string;
      await this.tell({ type: 'EndDispute', disputeId, outcome: random.chance(0.5) ? 'won' : 'lost' });
    }
    if (random.chance(0.008)) await this.adjust();
    if (this.#adjustments.length > 0 && random.chance(0.3)) {
      const adjustmentId = this.#adjustments.shift() as string;
      if (random.chance(0.7)) await this.tell({ type: 'ApproveAdjustment', adjustmentId, approvedBy: 'key_second' });
      else await this.tell({ type: 'RejectAdjustment', adjustmentId, rejectedBy: 'key_second', reason: 'not convinced' });
    }
    if (this.#suspended ? random.chance(0.3) : random.chance(0.002)) {
      this.#suspended = !this.#suspended;
      await this.tell({ type: this.#suspended ? 'Suspend' : 'Resume', reason: 'a year has everything' });
    }
  }

  private async gift(): Promise<void> {
    const bucket = this.#random.of(['promotional', 'referral', 'subscription'] as const);
    const costBasis = bucket === 'subscription' ? { currency: 'USD', amountMinor: this.#random.whole(1, 5_000) } : null;
    const expiresAt = bucket === 'subscription' || this.#random.chance(0.2) ? null : this.now + this.#random.whole(1, 40) * DAY_MS;
    await this.tell({
      type: 'GrantCredits',
      bucket,
      credits: this.#random.whole(1, 300),
      expiresAt,
      reference: `gift-${toIso(this.now)}`,
      costBasis,
    });
  }

  private async goodwill(): Promise<void> {
    const task = this.#consumed.length === 0 ? undefined : this.#random.of(this.#consumed.slice(-40));
    if (task === undefined) return;
    const most = task.parts.reduce((sum, part) => sum + part.credits, 0) + task.beyond;
    const { taskId, model, parts, beyond } = task;
    const credits = this.#random.whole(1, most);
    await this.tell({
      type: 'RefundGoodwill',
      taskId,
      model,
      reservationId: taskId,
      credits,
      reason: 'sorry',
      consumed: parts,
      overConsumed: beyond,
    });
  }

  private async revoke(): Promise<void> {
    const grants = [...this.state.grants.keys()];
    await this.tell({
      type: 'RevokeGrant',
      grantId: this.#random.of(grants.slice(-12)),
      reason: 'by mistake',
      spent: this.#random.of(['forgive', 'debt']),
    });
  }

  private async dispute(): Promise<void> {
    const paid = [...this.state.grants.values()].filter((grant) => grant.bucket === 'purchased').slice(-6);
    if (paid.length === 0) return;
    const disputeId = `dispute_${this.id}x${(this.#serial += 1)}`;
    const grantId = this.#random.of(paid).id;
    if (await this.tell({ type: 'OpenDispute', disputeId, reference: null, grantId, reason: 'fraud' })) this.#disputes.push(disputeId);
  }

  private async adjust(): Promise<void> {
    const adjustmentId = `adj_${this.id}x${(this.#serial += 1)}`;
    const bucket = this.#random.of(['purchased', 'subscription', 'promotional'] as const);
    const credits = this.#random.chance(0.2)
      ? this.#random.whole(1_001, 3_000)
      : this.#random.whole(1, 80) * (this.#random.chance(0.5) ? 1 : -1);
    const told = await this.tell({
      type: 'Adjust',
      adjustmentId,
      bucket,
      credits,
      reason: 'correction',
      ticket: 'T-1',
      requestedBy: 'key_first',
    });
    if (told && credits > 1_000) this.#adjustments.push(adjustmentId);
  }
}
