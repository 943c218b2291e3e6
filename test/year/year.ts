// The generated year: customers who live through it tick by tick on any event store, under a clock that is set and never waited for.
import { toIso, type Clock, type InstantMs } from '#libs/kernel';
import type { EventStore } from '#libs/event-store';
import { World, type ManualClock } from '../../libs/projections/src/testing/world.js';
import { Customer, type Tally } from './customer.js';
import { Random } from './random.js';

const DAY_MS = 86_400_000;

export interface YearOptions {
  seed: number;
  accounts: number;
  tasks: number;
  /** How often a day every customer is looked at; a half is every other day. */
  ticksPerDay: number;
  /** The first of a month. */
  from: InstantMs;
  months: number;
  tenant: string;
  lapsedRefund: 'grace' | 'expire';
  /** Customers who live side by side. */
  atOnce: number;
}

export interface YearClock extends Clock {
  /** Moves it on, for the store too. */
  set(instant: InstantMs): Promise<void>;
}

export class Year {
  readonly tally: Tally = new Map();
  readonly world: World;
  readonly customers: Customer[];
  readonly #plan = new Map<number, Map<number, number>>();
  readonly #ticks: number;
  /** Lines on the billing stream. */
  #billed = 0;

  constructor(
    private readonly store: EventStore,
    private readonly clock: YearClock,
    private readonly options: YearOptions,
  ) {
    const policies = {
      burnOrder: ['subscription', 'purchased', 'promotional', 'referral'],
      lapsedRefund: options.lapsedRefund,
      graceDays: 7,
      overConsumption: 'debt',
      adjustmentLimit: 1_000,
    } as const;
    this.world = new World(store, clock as unknown as ManualClock, options.tenant, policies, options.seed % 1_000);
    this.customers = Array.from(
      { length: options.accounts },
      (_, index) => new Customer(this.world, `acc_${index}`, options.seed, this.tally),
    );
    const byId = new Map(this.customers.map((customer) => [customer.id, customer]));
    this.world.onFacts = (accountId, facts) => byId.get(accountId)?.heard(facts);
    this.#ticks = Math.floor(((this.endOfMonth(options.months) - options.from) / DAY_MS) * options.ticksPerDay);
    const random = Random.of(options.seed, 'plan');
    for (let task = 0; task < options.tasks; task += 1) {
      const tick = random.whole(0, this.#ticks - 1);
      const customer = random.whole(0, options.accounts - 1);
      const byCustomer = this.#plan.get(tick) ?? new Map<number, number>();
      byCustomer.set(customer, (byCustomer.get(customer) ?? 0) + 1);
      this.#plan.set(tick, byCustomer);
    }
  }

  /** Where the n-th month (from 1) ends. */
  endOfMonth(n: number): InstantMs {
    const from = new Date(this.options.from);
    return Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + n);
  }

  /** `over` is called some days into the next month, once for each, while that month's life goes on. */
  async run(over: (month: InstantMs, meanwhile: () => Promise<void>) => Promise<void>): Promise<void> {
    const { from, ticksPerDay, months } = this.options;
    await this.clock.set(from + 1);
    await this.each((customer) => customer.open());
    const tickMs = DAY_MS / ticksPerDay;
    let ended = 0;
    for (let tick = 0; tick < this.#ticks; tick += 1) {
      const at = from + tick * tickMs + tickMs / 2;
      await this.clock.set(at);
      if (ended < months - 1 && at > this.endOfMonth(ended + 1) + 2 * DAY_MS) {
        await over(this.endOfMonth(ended), () => this.tick(tick));
        await this.bill(this.endOfMonth(ended), at);
        ended += 1;
      } else {
        await this.tick(tick);
      }
    }
    await this.clock.set(this.endOfMonth(months) + DAY_MS);
    await over(this.endOfMonth(months - 1), () => this.each((customer) => customer.live(0)));
  }

  private tick(tick: number): Promise<void> {
    const plan = this.#plan.get(tick);
    return this.each((customer, index) => customer.live(plan?.get(index) ?? 0));
  }

  /** What a provider's bill for the month before books: a difference on a known job, absorbed and not, and an orphan; and one of today. */
  private async bill(month: InstantMs, at: InstantMs): Promise<void> {
    const lines = (['provider', 'absorbed', 'unmatched', 'provider'] as const).map((expense, index) => {
      const customer = expense === 'unmatched' ? null : (this.customers[index % this.customers.length] as Customer).id;
      return {
        ...{ billId: `bill_${this.#billed}`, line: index + 2, provider: 'north', providerJobId: `job-${this.#billed}-${index}` },
        ...{ billedAt: toIso(index === 3 ? at : month + index * DAY_MS), billed: { currency: 'USD', amountMinor: 7 + index }, units: null },
        ...{
          state: expense === 'unmatched' ? 'orphan' : 'amount_differs',
          booked: { currency: 'USD', amountMinor: index === 1 ? -3 : 7 + index },
        },
        ...{
          expense,
          accountId: customer,
          taskId: customer === null ? null : 'task_billed',
          model: customer === null ? null : 'pika-basic',
        },
      };
    });
    const facts = lines.map((data) => ({ type: 'BillLineBooked', schemaVersion: 1, data }));
    const commandId = `b111${this.#billed.toString(16).padStart(28, '0')}`;
    const meta = {
      commandId,
      tenant: this.options.tenant,
      actor: 'key_finance',
      correlationId: commandId,
      causationId: null,
      requestHash: null,
    };
    const stream = `billing-${this.options.tenant}.north`;
    const appended = await this.store.append({ meta, appends: [{ stream, expectedRevision: this.#billed - 1, facts }] });
    if (!appended.ok) throw new Error('a bill could not be booked');
    this.#billed += facts.length;
    this.tally.set('BillLineBooked', this.#billed);
  }

  private async each(live: (customer: Customer, index: number) => Promise<void>): Promise<void> {
    const left = this.customers.entries();
    const lanes = Array.from({ length: Math.min(this.options.atOnce, this.customers.length) }, async () => {
      for (const [index, customer] of left) await live(customer, index);
    });
    await Promise.all(lanes);
  }
}
