// Spreads a group's shares (numbered pieces of work) evenly over the processes that join it: each share under a lease; used for accounts' sessions and partitions of reactions.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type pg from 'pg';
import type { JsonObject } from '#libs/kernel';
import { ShareDirectory } from './share-directory.js';
import type { ShareRows } from './share-rows.js';

/** One share while this process holds it: what work under it asks before every act, and fences its rows with. As a Lease. */
export interface HeldShare {
  /** From 0. */
  readonly share: number;
  /** Of its row in table `leases`. */
  readonly name: string;
  readonly owner: string;
  /** Decimal text; it grew with every change of owner. */
  readonly token: string;
  /** True while this process may act as the owner, judged on its monotonic clock: a paused process knows on waking that it may not. */
  held(): boolean;
  /** Inside a transaction: true if this ownership is still the present one, and then nobody can take the share before the transaction ends. */
  fence(client: pg.ClientBase): Promise<boolean>;
}

export interface LeasedSharesOptions {
  /** Names the group; its leases are `<group>/0` and so on. */
  group: string;
  /** The same number in every process, for good: what falls into which share depends on it. */
  count: number;
  /** How long a silent owner keeps its shares. Renewals are sent every third of it. */
  ttlMs?: number;
  /** Unique to this member; default: made up. */
  owner?: string;
  /** What other processes are told of this one (see ShareOwner.detail). */
  detail?: JsonObject;
  /**
   * Run for every share that is taken, until the signal is aborted: the share was lost, is to go to another member, or stop() was called. A share that
   * goes to another stays held until the work has returned. Work that ends by itself gives the share up; it is taken again after a while.
   */
  work?: (held: HeldShare, signal: AbortSignal) => Promise<void>;
  /** Told of failures of the database and of the work; both are tried again. */
  onError?: (error: Error) => void;
  /** A share was taken, lost or given up. */
  onChange?: () => void;
}

interface Holding extends HeldShare {
  heldUntilMs: number;
  /** Set when the work has to end. */
  ending: AbortController;
  /** The share goes to another member: no longer owned, though still held. */
  isLeaving: boolean;
  work: Promise<void>;
}

const TTL_MS = 3_000;
/** Work that failed is not started again at once. */
const RETRY_MS = 500;

/**
 * Balance without a master: every member sees the same living members in the same order, so each knows how many shares are its own by count
 * alone. Who has more gives the surplus up, who has fewer takes what is free. Views that differ for a moment only cost a second look.
 */
export class LeasedShares {
  readonly owner: string;
  readonly directory: ShareDirectory;
  readonly #ttlMs: number;
  readonly #detail: JsonObject;
  readonly #holdings = new Map<number, Holding>();
  /** Shares whose work ended by itself, until when they are left alone. */
  readonly #resting = new Map<number, number>();
  #beatTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #starting: Promise<void> = Promise.resolve();
  #beating: Promise<void> = Promise.resolve();
  #balancing: Promise<void> | null = null;
  #isLookedAgain = false;
  #isRunning = false;
  #stopLooking: () => void = () => undefined;

  constructor(
    pool: pg.Pool,
    private readonly options: LeasedSharesOptions,
  ) {
    this.owner = options.owner ?? `${hostname()}-${process.pid}-${randomUUID()}`;
    this.#ttlMs = options.ttlMs ?? TTL_MS;
    this.#detail = options.detail ?? {};
    this.directory = new ShareDirectory(pool, {
      group: options.group,
      // Every beat looks too; this is the net under it.
      pollMs: this.#ttlMs,
      onError: (error) => this.#isRunning && options.onError?.(error),
    });
  }

  /** Whether the share is this process's own now, and not on its way to another. */
  owns(share: number): boolean {
    const holding = this.#holdings.get(share);
    return holding !== undefined && !holding.isLeaving && holding.held();
  }

  /** How many are held now, those on their way to another included. */
  get held(): number {
    return this.#holdings.size;
  }

  holding(share: number): HeldShare | null {
    return this.#holdings.get(share) ?? null;
  }

  holdings(): HeldShare[] {
    return [...this.#holdings.values()];
  }

  /** Resolves when the group has been joined, or could not be for now. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#starting = this.#join();
    await this.#starting;
  }

  async #join(): Promise<void> {
    this.#stopLooking = this.directory.onLooked(() => this.#balance());
    this.#watchTimer = setInterval(() => this.#expire(), this.#ttlMs / 6);
    this.#watchTimer.unref();
    const steps = [
      () => this.#rows.announce().catch((error: unknown) => this.options.onError?.(error as Error)),
      () => (this.#beating = this.#beat()),
      () => this.directory.start(),
      // Whoever was there before hears of the new member, and makes room.
      () => this.#rows.announce().catch(() => undefined),
      () => this.#balancing,
    ];
    // Stopped meanwhile, it joins no further.
    for (const step of steps) if (this.#isRunning) await step();
  }

  /** Lets all work end, hands every share over and leaves the group. Never throws: with the database away, leases run out by themselves. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#stopLooking();
    await this.#starting;
    const leaving = [...this.#holdings.values()];
    for (const holding of leaving) this.#leave(holding);
    // What is held is renewed until its work has ended.
    await Promise.all(leaving.map(({ work }) => work));
    clearTimeout(this.#beatTimer);
    clearInterval(this.#watchTimer);
    await this.#beating;
    clearTimeout(this.#beatTimer);
    await this.#balancing;
    await Promise.all([...this.#holdings.values()].map(({ work }) => work));
    await this.#give([...this.#holdings.values()]);
    await this.#rows.leave(this.owner).catch(() => undefined);
    await this.directory.stop();
  }

  get #rows(): ShareRows {
    return this.directory.rows;
  }

  async #beat(): Promise<void> {
    const askedAtMs = performance.now();
    this.#expire();
    const tokens = new Map([...this.#holdings].map(([share, { token }]) => [share, token]));
    try {
      const renewed = await this.#rows.beat(this.owner, this.#ttlMs, this.#detail, tokens);
      for (const [share, token] of tokens) {
        const holding = this.#holdings.get(share);
        if (holding?.token !== token) continue;
        // Not held for a moment is lost: what was due in that moment was left undone by an owner that must not act.
        if (!renewed.has(share) || !holding.held()) this.#lose(holding);
        else holding.heldUntilMs = askedAtMs + this.#ttlMs;
      }
    } catch (error) {
      // A database that is away for a moment is no loss until the time is up.
      this.options.onError?.(error as Error);
    }
    if (this.#isRunning) void this.directory.look();
    if (this.#isRunning || this.#holdings.size > 0) {
      this.#beatTimer = setTimeout(() => {
        this.#beating = this.#beat();
      }, this.#ttlMs / 3);
      this.#beatTimer.unref();
    }
  }

  #expire(): void {
    for (const holding of [...this.#holdings.values()]) if (!holding.held()) this.#lose(holding);
  }

  #lose(holding: Holding): void {
    if (this.#holdings.get(holding.share) !== holding) return;
    this.#holdings.delete(holding.share);
    // Taken up again, if at all, only when the work that lost it has ended.
    this.#resting.set(holding.share, Infinity);
    void holding.work.then(() => this.#resting.delete(holding.share));
    holding.ending.abort(new Error(`${holding.name} is not held any more`));
    this.options.onChange?.();
  }

  #balance(): void {
    this.#isLookedAgain = true;
    this.#balancing ??= this.#rebalanceAll().finally(() => {
      this.#balancing = null;
    });
  }

  async #rebalanceAll(): Promise<void> {
    while (this.#isLookedAgain) {
      this.#isLookedAgain = false;
      await this.#rebalance().catch((error: unknown) => this.options.onError?.(error as Error));
    }
  }

  async #rebalance(): Promise<void> {
    if (!this.#isRunning) return;
    const target = this.#target();
    if (target === null) return;
    const staying = [...this.#holdings.values()].filter(({ isLeaving }) => !isLeaving);
    const surplus = staying.slice(target);
    if (surplus.length > 0) {
      for (const holding of surplus) this.#leave(holding);
      // Idle shares go together and at once; those with work follow one by one, when it has ended.
      if (this.options.work === undefined) await this.#give(surplus);
      return;
    }
    const free = this.#free();
    const missing = Math.min(target - staying.length, free.length);
    if (missing <= 0) return;
    const askedAtMs = performance.now();
    const taken = await this.#rows.take(this.owner, this.#ttlMs, this.#detail, free.slice(0, missing));
    for (const [share, token] of taken) this.#hold(share, token, askedAtMs);
    if (taken.size > 0) this.options.onChange?.();
  }

  /** How many shares are this member's part; null before it is seen among the living. */
  #target(): number | null {
    const members = this.directory.members();
    const place = members.indexOf(this.owner);
    if (place < 0) return null;
    const { count } = this.options;
    return Math.floor(count / members.length) + (place < count % members.length ? 1 : 0);
  }

  /** Shares that nobody holds, each member beginning elsewhere so that they rarely reach for the same. */
  #free(): number[] {
    const { count } = this.options;
    const start = Math.floor(Math.random() * count);
    const now = performance.now();
    const free: number[] = [];
    for (let step = 0; step < count; step += 1) {
      const share = (start + step) % count;
      if (this.#holdings.has(share) || this.directory.ownerOf(share) !== null) continue;
      if ((this.#resting.get(share) ?? 0) > now) continue;
      free.push(share);
    }
    return free;
  }

  #hold(share: number, token: string, askedAtMs: number): void {
    const { owner } = this;
    const name = this.#rows.nameOf(share);
    const holding: Holding = {
      share,
      name,
      owner,
      token,
      heldUntilMs: askedAtMs + this.#ttlMs,
      ending: new AbortController(),
      isLeaving: false,
      work: Promise.resolve(),
      held: () => this.#holdings.get(share) === holding && performance.now() < holding.heldUntilMs,
      fence: async (client) => {
        const { rowCount } = await client.query('SELECT 1 FROM leases WHERE name = $1 AND owner = $2 AND token = $3 FOR SHARE', [
          name,
          owner,
          token,
        ]);
        return rowCount === 1;
      },
    };
    this.#holdings.set(share, holding);
    if (this.options.work !== undefined) holding.work = this.#run(holding, this.options.work);
    // Stopped while the database was asked: what was taken is given back by stop().
    if (!this.#isRunning) this.#leave(holding);
  }

  async #run(holding: Holding, work: NonNullable<LeasedSharesOptions['work']>): Promise<void> {
    const { signal } = holding.ending;
    try {
      await work(holding, signal);
    } catch (error) {
      if (!signal.aborted) this.options.onError?.(error as Error);
    }
    if (!signal.aborted) this.#resting.set(holding.share, performance.now() + RETRY_MS);
    if (this.#holdings.get(holding.share) === holding) await this.#give([holding]);
  }

  #leave(holding: Holding): void {
    if (holding.isLeaving) return;
    holding.isLeaving = true;
    holding.ending.abort(new Error(`${holding.name} goes to another process`));
    this.options.onChange?.();
  }

  async #give(holdings: readonly Holding[]): Promise<void> {
    const own = holdings.filter((holding) => this.#holdings.get(holding.share) === holding);
    if (own.length === 0) return;
    for (const { share } of own) this.#holdings.delete(share);
    this.options.onChange?.();
    await this.#rows.give(this.owner, new Map(own.map(({ share, token }) => [share, token]))).catch((error: unknown) => {
      // Then it lasts until the lease runs out.
      this.options.onError?.(error as Error);
    });
  }
}
