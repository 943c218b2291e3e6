// The account once more, written as naively as can be and sharing no code with the decider: every credit is one element of a list.
// Property specs run random histories against both and compare them after every command.

export type ReferenceBucket = 'subscription' | 'purchased' | 'promotional' | 'referral';

/** Where one credit is. */
type Place = 'available' | 'held' | 'consumed' | 'expired' | 'revoked' | 'reissued';

export interface ReferenceGrant {
  id: string;
  bucket: ReferenceBucket;
  credits: Place[];
  grantedAt: number;
  end: number | null;
  /** What it cost, in minor units of one currency; null for nothing. */
  cost: bigint | null;
  from: string | null;
  cycleEndedEarly: boolean;
  revoked: boolean;
}

/** One held or consumed credit. */
type Drawn = [grant: ReferenceGrant, index: number];

export interface ReferencePlan {
  rank: number;
  allowance: number;
  upgrade: 'full' | 'prorated';
}

export interface ReferenceOptions {
  burnOrder: readonly ReferenceBucket[];
  lapsedRefund: 'grace' | 'expire';
  graceDays: number;
  overConsumption: 'reject' | 'cap';
  plans: Readonly<Record<string, ReferencePlan>>;
  /** Hours east of UTC, without daylight saving. */
  zoneHours: number;
}

export interface ReferenceRequest {
  task: string;
  credits: number;
  rank: number;
  quote: { id: string; quantity: number; end: number } | null;
}

export type ReferenceOutcome = 'done' | 'unchanged' | `refused ${string}`;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export class ReferenceAccount {
  grants: ReferenceGrant[] = [];
  holds = new Map<string, Drawn[]>();
  /** Per task, what it consumed in the order of drawing; credits that came back are taken out. */
  spent = new Map<string, Drawn[]>();
  wasConsumed = new Set<string>();
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
      ended.forEach((grant) => change(grant, 'available', 'expired'));
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
      change(grant, 'available', 'expired');
      grant.cycleEndedEarly = true;
    }
    if (this.pending !== null) this.plan = this.pending;
    this.pending = null;
    this.addGrant('subscription', this.allowance(), at, this.boundaryAt(this.boundary), null, null);
  }

  grant(now: number, bucket: ReferenceBucket, credits: number, end: number | null, cost: bigint | null): ReferenceOutcome {
    if (end !== null && end <= now) return 'refused validation_failed';
    if (cost !== null && (bucket === 'promotional' || bucket === 'referral')) return 'refused validation_failed';
    const cycleEnd = this.boundaryAt(this.boundary);
    this.addGrant(bucket, credits, now, end ?? (bucket === 'subscription' ? cycleEnd : null), cost === 0n ? null : cost, null);
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
        next[0].credits[next[1]] = 'held';
        drawn.push(next);
      }
      this.holds.set(request.task, drawn);
    }
    this.quoteUses = uses;
    return 'done';
  }

  /** The first available credit of the first grant in burn order; sorts everything, every time. */
  private nextCredit(): Drawn | null {
    const sorted = this.grants
      .filter((grant) => grant.credits.includes('available'))
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
    used = Math.min(used, drawn.length);
    const taken = drawn.slice(0, used);
    for (const [grant, index] of taken) grant.credits[index] = 'consumed';
    this.spent.set(task, taken);
    if (taken.length > 0) this.wasConsumed.add(task);
    this.comeBack(now, drawn.slice(used));
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
    if (credits > spent.length) return 'refused conflict';
    const back = spent.slice(spent.length - credits);
    this.spent.set(task, spent.slice(0, spent.length - credits));
    const revoked = back.filter(([grant]) => grant.revoked);
    this.comeBack(
      now,
      back.filter(([grant]) => !grant.revoked),
    );
    for (const grant of [...new Set(revoked.reverse().map(([origin]) => origin))]) {
      this.addGrant(grant.bucket, revoked.filter(([origin]) => origin === grant).length, now, null, null, null);
    }
    return 'done';
  }

  revoke(id: string): ReferenceOutcome {
    const grant = this.grants.find((candidate) => candidate.id === id);
    if (grant === undefined) return 'refused not_found';
    if (grant.revoked) return 'unchanged';
    change(grant, 'available', 'revoked');
    grant.revoked = true;
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
      for (const index of indexes) grant.credits[index] = to;
      if (to !== 'reissued') continue;
      const moved = grant.cost === null ? 0n : recognised(grant, goneBefore + indexes.length) - recognised(grant, goneBefore);
      this.addGrant(grant.bucket, indexes.length, now, now + this.options.graceDays * DAY, moved === 0n ? null : moved, grant.id);
    }
  }

  private addGrant(
    bucket: ReferenceBucket,
    credits: number,
    grantedAt: number,
    end: number | null,
    cost: bigint | null,
    from: string | null,
  ): void {
    if (credits === 0) return;
    const places = new Array<Place>(credits).fill('available');
    this.grants.push({ id: this.newId(), bucket, credits: places, grantedAt, end, cost, from, cycleEndedEarly: false, revoked: false });
  }

  private planOf(id: string): ReferencePlan {
    return this.options.plans[id] as ReferencePlan;
  }

  private allowance(): number {
    return this.planOf(this.plan).allowance;
  }

  private copy(): ReferenceAccount {
    const grants = new Map(this.grants.map((grant) => [grant, { ...grant, credits: [...grant.credits] }]));
    const follow = (drawn: readonly Drawn[]): Drawn[] => drawn.map(([grant, index]) => [grants.get(grant) as ReferenceGrant, index]);
    const copy = Object.assign(Object.create(ReferenceAccount.prototype) as ReferenceAccount, this);
    copy.grants = [...grants.values()];
    copy.holds = new Map([...this.holds].map(([task, drawn]) => [task, follow(drawn)]));
    copy.spent = new Map([...this.spent].map(([task, drawn]) => [task, follow(drawn)]));
    copy.wasConsumed = new Set(this.wasConsumed);
    copy.quoteUses = new Map(this.quoteUses);
    return copy;
  }
}

export function count(grant: ReferenceGrant, place: Place): number {
  return grant.credits.filter((credit) => credit === place).length;
}

export function goneOf(grant: ReferenceGrant): number {
  return grant.credits.filter((credit) => credit !== 'available' && credit !== 'held').length;
}

/** ⌊cost × gone ÷ size⌋ */
export function recognised(grant: ReferenceGrant, gone: number): bigint {
  return ((grant.cost ?? 0n) * BigInt(gone)) / BigInt(grant.credits.length);
}

function change(grant: ReferenceGrant, from: Place, to: Place): void {
  grant.credits = grant.credits.map((credit) => (credit === from ? to : credit));
}
