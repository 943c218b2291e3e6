// The account once more, written as naively as can be and sharing no code with the decider: every credit is one element of a list.
// Property specs run random histories against both and compare them after every command.
import { ReferenceDebts } from './debt.reference.js';
import {
  count,
  goneOf,
  isFrozen,
  put,
  putAll,
  recognised,
  type Drawn,
  type Place,
  type ReferenceAdjustment,
  type ReferenceBucket,
  type ReferenceDispute,
  type ReferenceGrant,
  type ReferenceOptions,
  type ReferenceOutcome,
  type ReferencePlan,
  type ReferenceRequest,
} from './grant.reference.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export class ReferenceAccount {
  grants: ReferenceGrant[] = [];
  holds = new Map<string, Drawn[]>();
  /** Per task, what it consumed in the order of drawing; credits that came back are taken out. */
  spent = new Map<string, Drawn[]>();
  /** Per task, what it used beyond its hold and was not given back. */
  overSpent = new Map<string, number>();
  wasConsumed = new Set<string>();
  disputes = new Map<string, ReferenceDispute>();
  debts = new ReferenceDebts();
  adjustments = new Map<string, ReferenceAdjustment>();
  quoteUses = new Map<string, number>();
  pending: string | null = null;
  suspended = false;
  boundary: number;

  constructor(
    private readonly options: ReferenceOptions,
    public plan: string,
    private readonly anchor: number,
    opened: number,
    private newId: () => string,
  ) {
    this.boundary = 0;
    while (this.boundaryAt(this.boundary) <= opened) this.boundary += 1;
    this.addGrant('subscription', this.allowance(), opened, this.boundaryAt(this.boundary), null, null);
  }

  /** Runs one command: on the instant `now`, ids from `newId`; nothing is kept of it unless it is done. */
  run(now: number, newId: () => string, command: (account: ReferenceAccount, now: number) => ReferenceOutcome): ReferenceOutcome {
    const attempt = this.copy();
    attempt.newId = newId;
    attempt.letTimePass(now);
    const outcome = command(attempt, now);
    if (outcome === 'done') Object.assign(this, attempt);
    return outcome;
  }

  boundaryAt(n: number): number {
    const local = new Date(this.anchor + this.options.zoneHours * HOUR);
    const month = local.getUTCMonth() + n;
    const lastDay = new Date(Date.UTC(local.getUTCFullYear(), month + 1, 0)).getUTCDate();
    const timeOfDay = ((local.getTime() % DAY) + DAY) % DAY;
    return Date.UTC(local.getUTCFullYear(), month, Math.min(local.getUTCDate(), lastDay)) + timeOfDay - this.options.zoneHours * HOUR;
  }

  /** One event at a time, the earliest first; a reset comes after the other ends of its instant, and takes subscription credits itself. */
  letTimePass(now: number): void {
    for (;;) {
      const reset = this.boundaryAt(this.boundary);
      const ended = this.grants
        .filter((grant) => grant.end !== null && grant.end <= now && count(grant, 'available') > 0)
        .filter((grant) => (grant.end as number) < reset || (grant.end === reset && grant.bucket !== 'subscription'));
      ended.forEach((grant) => putAll(grant, 'available', 'expired'));
      if (reset > now) return;
      this.boundary += 1;
      this.endCycle(reset);
    }
  }

  reset(now: number): ReferenceOutcome {
    this.endCycle(now);
    return 'done';
  }

  private endCycle(at: number): void {
    for (const grant of this.grants.filter((candidate) => candidate.bucket === 'subscription')) {
      putAll(grant, 'available', 'expired');
      grant.cycleEndedEarly = true;
    }
    if (this.pending !== null) this.plan = this.pending;
    this.pending = null;
    this.addGrant('subscription', this.allowance(), at, this.boundaryAt(this.boundary), null, null);
  }

  grant(
    now: number,
    bucket: ReferenceBucket,
    credits: number,
    end: number | null,
    cost: bigint | null,
    reference: string | null,
  ): ReferenceOutcome {
    if (end !== null && end <= now) return 'refused validation_failed';
    if (cost !== null && (bucket === 'promotional' || bucket === 'referral')) return 'refused validation_failed';
    const cycleEnd = this.boundaryAt(this.boundary);
    this.addGrant(bucket, credits, now, end ?? (bucket === 'subscription' ? cycleEnd : null), cost === 0n ? null : cost, null, reference);
    this.repay();
    return 'done';
  }

  reserve(now: number, requests: readonly ReferenceRequest[], openMax: number): ReferenceOutcome {
    const open = requests.filter((request) => this.holds.has(request.task));
    if (open.length === requests.length) return 'unchanged';
    if (open.length > 0) return 'refused conflict';
    if (this.suspended) return 'refused account_suspended';
    const uses = new Map(this.quoteUses);
    for (const { quote } of requests) {
      if (quote === null) continue;
      if (now >= quote.end) return 'refused quote_expired';
      uses.set(quote.id, (uses.get(quote.id) ?? 0) + 1);
      if ((uses.get(quote.id) as number) > quote.quantity) return 'refused conflict';
    }
    if (this.holds.size + requests.length > openMax) return 'refused too_many_tasks';
    if (requests.some((request) => request.rank > this.planOf(this.plan).rank)) return 'refused plan_required';
    for (const request of requests) {
      const drawn: Drawn[] = [];
      for (let i = 0; i < request.credits; i += 1) {
        const next = this.nextCredit();
        if (next === null) return 'refused insufficient_credits';
        put(next[0], next[1], 'held');
        drawn.push(next);
      }
      this.holds.set(request.task, drawn);
    }
    this.quoteUses = uses;
    return 'done';
  }

  /** The first available credit of the first grant in burn order; sorts everything, every time. */
  private nextCredit(bucket: ReferenceBucket | null = null): Drawn | null {
    const sorted = this.grants
      .filter((grant) => bucket === null || grant.bucket === bucket)
      .filter((grant) => grant.credits.includes('available') && !isFrozen(grant))
      .sort((a, b) => {
        const buckets = this.options.burnOrder.indexOf(a.bucket) - this.options.burnOrder.indexOf(b.bucket);
        if (buckets !== 0) return buckets;
        if (a.end !== b.end) return a.end === null ? 1 : b.end === null ? -1 : a.end - b.end;
        return a.grantedAt !== b.grantedAt ? a.grantedAt - b.grantedAt : a.id < b.id ? -1 : 1;
      });
    const [first] = sorted;
    return first === undefined ? null : [first, first.credits.indexOf('available')];
  }

  consume(now: number, task: string, percent: number): ReferenceOutcome {
    const drawn = this.holds.get(task);
    if (drawn === undefined) return 'unchanged';
    let used = Math.floor((drawn.length * percent) / 100);
    if (used > drawn.length && this.options.overConsumption === 'reject') return 'refused conflict';
    const beyond = this.options.overConsumption === 'debt' ? Math.max(0, used - drawn.length) : 0;
    used = Math.min(used, drawn.length);
    const taken = drawn.slice(0, used);
    const before = new Map(taken.map(([grant]) => [grant, grant.out.consumed]));
    for (const [grant, index] of taken) put(grant, index, 'consumed');
    this.spent.set(task, taken);
    if (taken.length + beyond > 0) this.wasConsumed.add(task);
    this.comeBack(now, drawn.slice(used));
    for (const [grant, money] of before) {
      const credits = taken.filter(([origin]) => origin === grant).length;
      if (grant.owed) this.debts.add(grant, credits, grant.out.consumed - money);
    }
    if (beyond > 0) {
      this.debts.add(null, beyond, 0n);
      this.overSpent.set(task, beyond);
    }
    this.holds.delete(task);
    return 'done';
  }

  refund(now: number, task: string): ReferenceOutcome {
    const drawn = this.holds.get(task);
    if (drawn === undefined) return 'unchanged';
    this.comeBack(now, drawn);
    this.holds.delete(task);
    return 'done';
  }

  takeLate(now: number, request: ReferenceRequest, percent: number): ReferenceOutcome {
    const reserved = this.reserve(now, [request], Infinity);
    return reserved === 'done' ? this.consume(now, request.task, percent) : reserved;
  }

  goodwill(now: number, task: string, credits: number): ReferenceOutcome {
    if (!this.wasConsumed.has(task)) return 'refused already_settled';
    const spent = this.spent.get(task) ?? [];
    const beyond = this.overSpent.get(task) ?? 0;
    if (credits > spent.length + beyond) return 'refused conflict';
    const ofBeyond = Math.min(beyond, credits);
    const ofHeld = credits - ofBeyond;
    this.overSpent.set(task, beyond - ofBeyond);
    const back = spent.slice(spent.length - ofHeld);
    this.spent.set(task, spent.slice(0, spent.length - ofHeld));
    const revoked = back.filter(([grant]) => grant.revoked);
    this.comeBack(
      now,
      back.filter(([grant]) => !grant.revoked),
    );
    const unowedBeyond = ofBeyond - this.debts.settle(ofBeyond, (debt) => debt.of === null);
    if (unowedBeyond > 0) this.addGrant('purchased', unowedBeyond, now, null, null, null);
    for (const grant of [...new Set(revoked.reverse().map(([origin]) => origin))]) {
      const indexes = revoked.filter(([origin]) => origin === grant).map(([, index]) => index);
      const lowered = this.debts.settle(indexes.length, (debt) => debt.of === grant);
      // They stay gone: as revoked, though nobody got anything back for them.
      for (const index of indexes.slice(0, lowered)) put(grant, index, 'available');
      const takenBack = grant.takenBack;
      for (const index of indexes.slice(0, lowered)) put(grant, index, 'revoked');
      grant.takenBack = takenBack;
      grant.writtenOff += lowered;
      if (indexes.length > lowered) this.addGrant(grant.bucket, indexes.length - lowered, now, null, null, null);
    }
    return 'done';
  }

  /** The youngest grant, if it was bought: for every credit owed one of it is gone. */
  private repay(): void {
    const grant = this.grants.at(-1);
    if (grant?.bucket !== 'purchased') return;
    const repaid = this.debts.settle(grant.credits.length, () => false);
    for (let index = 0; index < repaid; index += 1) put(grant, index, 'repaid');
  }

  private family(roots: readonly ReferenceGrant[]): ReferenceGrant[] {
    const isOf = (grant: ReferenceGrant): boolean => {
      if (roots.includes(grant)) return true;
      const parent = this.grants.find((candidate) => candidate.id === grant.from);
      return parent !== undefined && isOf(parent);
    };
    return this.grants.filter(isOf);
  }

  openDispute(id: string, by: { grant: string } | { reference: string }): ReferenceOutcome {
    const named = this.grants.filter((grant) => ('grant' in by ? grant.id === by.grant : grant.reference === by.reference));
    if (named.length === 0) return 'refused not_found';
    const family = this.family(named);
    if (family.some(isFrozen)) return 'refused conflict';
    const roots = named.filter((grant) => !family.some((other) => other.id === grant.from));
    if (roots.some((grant) => grant.revoked)) return 'refused already_settled';
    const grants = family.filter((grant) => !grant.revoked);
    for (const grant of grants) grant.dispute = id;
    this.disputes.set(id, { grants, status: 'open' });
    return 'done';
  }

  endDispute(id: string, outcome: 'won' | 'lost'): ReferenceOutcome {
    const dispute = this.disputes.get(id);
    if (dispute === undefined) return 'refused not_found';
    if (dispute.status === outcome) return 'unchanged';
    if (dispute.status !== 'open') return 'refused already_settled';
    dispute.status = outcome;
    for (const grant of dispute.grants) {
      if (outcome === 'won') grant.dispute = null;
      else this.takeBack(grant, true);
    }
    return 'done';
  }

  private takeBack(grant: ReferenceGrant, owed: boolean): void {
    putAll(grant, 'available', 'revoked');
    grant.revoked = true;
    grant.owed = owed;
    const spent = count(grant, 'consumed') + count(grant, 'repaid');
    if (owed && spent > 0) this.debts.add(grant, spent, grant.out.consumed + grant.out.repaid);
  }

  adjust(now: number, id: string, bucket: ReferenceBucket, credits: number, by: string): ReferenceOutcome {
    if (Math.abs(credits) <= this.options.adjustmentLimit) return this.apply(now, bucket, credits);
    const outcome = this.copy().apply(now, bucket, credits);
    if (outcome !== 'done') return outcome;
    this.adjustments.set(id, { bucket, credits, by, status: 'pending' });
    return 'done';
  }

  decideAdjustment(now: number, id: string, decision: 'applied' | 'rejected', by: string): ReferenceOutcome {
    const adjustment = this.adjustments.get(id);
    if (adjustment === undefined) return 'refused already_settled';
    if (adjustment.by === by) return 'refused forbidden';
    if (adjustment.status === decision) return 'unchanged';
    if (adjustment.status !== 'pending') return 'refused already_settled';
    adjustment.status = decision;
    return decision === 'applied' ? this.apply(now, adjustment.bucket, adjustment.credits) : 'done';
  }

  private apply(now: number, bucket: ReferenceBucket, credits: number): ReferenceOutcome {
    if (credits > 0) {
      this.addGrant(bucket, credits, now, bucket === 'subscription' ? this.boundaryAt(this.boundary) : null, null, null);
      this.repay();
      return 'done';
    }
    for (let i = 0; i < -credits; i += 1) {
      const next = this.nextCredit(bucket);
      if (next === null) return 'refused conflict';
      put(next[0], next[1], 'adjusted');
    }
    return 'done';
  }

  revoke(id: string, owed: boolean): ReferenceOutcome {
    const grant = this.grants.find((candidate) => candidate.id === id);
    if (grant === undefined) return 'refused not_found';
    if (grant.revoked) return 'unchanged';
    const family = owed ? this.family([grant]) : [grant];
    if (family.some(isFrozen)) return 'refused conflict';
    for (const member of family) if (!member.revoked) this.takeBack(member, owed);
    return 'done';
  }

  changePlan(now: number, plan: string): ReferenceOutcome {
    if (plan === this.plan) {
      if (this.pending === null) return 'unchanged';
      this.pending = null;
      return 'done';
    }
    const difference = this.planOf(plan).allowance - this.allowance();
    if (this.planOf(plan).rank < this.planOf(this.plan).rank) {
      if (this.pending === plan) return 'unchanged';
      this.pending = plan;
      return 'done';
    }
    this.plan = plan;
    this.pending = null;
    const end = this.boundaryAt(this.boundary);
    const cycle = end - this.boundaryAt(this.boundary - 1);
    const left = Math.min(end - now, cycle);
    const credits =
      this.planOf(plan).upgrade === 'full' ? difference : Number((BigInt(difference) * BigInt(left) + BigInt(cycle) - 1n) / BigInt(cycle));
    this.addGrant('subscription', credits, now, end, null, null);
    return 'done';
  }

  suspend(suspended: boolean): ReferenceOutcome {
    if (this.suspended === suspended) return 'unchanged';
    this.suspended = suspended;
    return 'done';
  }

  /** The last credit drawn comes back first. */
  private comeBack(now: number, drawn: readonly Drawn[]): void {
    const reversed = [...drawn].reverse();
    for (const grant of [...new Set(reversed.map(([origin]) => origin))]) {
      const indexes = reversed.filter(([origin]) => origin === grant).map(([, index]) => index);
      const goneBefore = goneOf(grant) - indexes.filter((index) => grant.credits[index] === 'consumed').length;
      const lapsed = grant.cycleEndedEarly || (grant.end !== null && grant.end <= now);
      const to: Place = grant.revoked ? 'revoked' : !lapsed ? 'available' : this.options.lapsedRefund === 'grace' ? 'reissued' : 'expired';
      for (const index of indexes) put(grant, index, 'available');
      if (to !== 'available') for (const index of indexes) put(grant, index, to);
      if (to !== 'reissued') continue;
      const moved = grant.cost === null ? 0n : recognised(grant, goneBefore + indexes.length) - recognised(grant, goneBefore);
      const end = now + this.options.graceDays * DAY;
      this.addGrant(grant.bucket, indexes.length, now, end, moved === 0n ? null : moved, grant.id, grant.reference);
      const reissued = this.grants.at(-1) as ReferenceGrant;
      if (!isFrozen(grant) || grant.dispute === null) continue;
      reissued.dispute = grant.dispute;
      this.disputes.get(grant.dispute)?.grants.push(reissued);
    }
  }

  private addGrant(
    bucket: ReferenceBucket,
    credits: number,
    grantedAt: number,
    end: number | null,
    cost: bigint | null,
    from: string | null,
    reference: string | null = null,
  ): void {
    if (credits === 0) return;
    const places = new Array<Place>(credits).fill('available');
    const out = { consumed: 0n, expired: 0n, revoked: 0n, reissued: 0n, adjusted: 0n, repaid: 0n };
    this.grants.push({
      ...{ id: this.newId(), bucket, credits: places, grantedAt, end, cost, from, reference, out },
      ...{ cycleEndedEarly: false, revoked: false, owed: false, dispute: null, takenBack: 0n, writtenOff: 0 },
    });
  }

  private planOf(id: string): ReferencePlan {
    return this.options.plans[id] as ReferencePlan;
  }

  private allowance(): number {
    return this.planOf(this.plan).allowance;
  }

  private copy(): ReferenceAccount {
    const grants = new Map(this.grants.map((grant) => [grant, { ...grant, credits: [...grant.credits], out: { ...grant.out } }]));
    const twin = (grant: ReferenceGrant): ReferenceGrant => grants.get(grant) as ReferenceGrant;
    const follow = (drawn: readonly Drawn[]): Drawn[] => drawn.map(([grant, index]) => [grants.get(grant) as ReferenceGrant, index]);
    const copy = Object.assign(Object.create(ReferenceAccount.prototype) as ReferenceAccount, this);
    copy.grants = [...grants.values()];
    copy.holds = new Map([...this.holds].map(([task, drawn]) => [task, follow(drawn)]));
    copy.spent = new Map([...this.spent].map(([task, drawn]) => [task, follow(drawn)]));
    copy.overSpent = new Map(this.overSpent);
    copy.disputes = new Map([...this.disputes].map(([id, dispute]) => [id, { ...dispute, grants: dispute.grants.map(twin) }]));
    copy.debts = this.debts.copy(twin);
    copy.adjustments = new Map([...this.adjustments].map(([id, adjustment]) => [id, { ...adjustment }]));
    copy.wasConsumed = new Set(this.wasConsumed);
    copy.quoteUses = new Map(this.quoteUses);
    return copy;
  }
}
