// 5 react · books lapses and boundaries when they are due, many accounts at once but not all; called by the clock.
import type { Logger } from 'pino';
import type { Clock, InstantMs } from '#libs/kernel';
import { EventStoreUnavailable, SessionsOverloaded } from '#libs/event-store';
import { partitionOf, type DueAccount, type DueRows } from '#libs/reactions';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import type { OwnedPartition } from './owned-partition.js';
import { accountKey } from './pending-rows.js';

export interface AccountDueParts {
  rows: Pick<DueRows, 'dueAccounts' | 'nextAccountDueAt'>;
  /** Those of this process that are open. */
  partitions: () => ReadonlyMap<number, OwnedPartition>;
  /** Books what is due on one account; answers when it is next due. */
  book: (tenant: string, accountId: string) => Promise<{ nextDueAt: InstantMs | null; booked: number }>;
  /** Everything pending goes to the database. */
  write: () => Promise<void>;
  clock: Clock;
  logger: Logger;
  metrics: OrchestratorMetrics;
  accountsAtOnceMax: number;
}

const ACCOUNTS_PER_ROUND = 256;
/** After the database or the log was away. */
const RETRY_AFTER_MS = 250;
/** An account that cannot be booked is tried again after this long, and holds up no other. */
const TROUBLE_DELAY_MS = 30_000;

export class AccountDues {
  /** The earliest instant at which any account may be due; 0 until it is known. */
  #nextAt: InstantMs = 0;
  #running: Promise<void> | null = null;
  /** What facts say of accounts that are just being booked: the booking may not have seen them. */
  readonly #loweredMeanwhile = new Map<string, InstantMs>();

  constructor(private readonly parts: AccountDueParts) {}

  get isRunning(): boolean {
    return this.#running !== null;
  }

  get nextAt(): InstantMs {
    return this.#nextAt;
  }

  lower(partition: OwnedPartition, tenant: string, accountId: string, dueAt: InstantMs): void {
    partition.pending.lower(tenant, accountId, dueAt);
    const key = accountKey(tenant, accountId);
    const meanwhile = this.#loweredMeanwhile.get(key);
    if (meanwhile !== undefined) this.#loweredMeanwhile.set(key, Math.min(meanwhile, dueAt));
    this.#nextAt = Math.min(this.#nextAt, dueAt);
  }

  /** A partition was taken over: what is due there is not known yet. */
  lookAgain(): void {
    this.#nextAt = 0;
  }

  /** Starts booking where something is due. Failures are logged and tried again; none is thrown. */
  tick(): void {
    if (this.#running !== null || this.#nextAt > this.parts.clock.now() || this.parts.partitions().size === 0) return;
    this.#running = this.#bookAll()
      .catch((error: unknown) => {
        this.parts.metrics.troubles.inc({ part: 'dues' });
        this.parts.logger.warn({ err: error }, 'dues could not be booked; they are tried again');
        this.#nextAt = this.parts.clock.now() + RETRY_AFTER_MS;
      })
      .finally(() => (this.#running = null));
  }

  /** Resolved once nothing of it is under way; called when no partition is open any more. */
  async stop(): Promise<void> {
    await this.#running;
  }

  async #bookAll(): Promise<void> {
    const { rows, partitions, clock, write } = this.parts;
    // From here on whatever is lowered stands beside what the rows say, whether it is among them yet or not.
    this.#nextAt = Infinity;
    await write();
    for (;;) {
      const due = await rows.dueAccounts(clock.now(), ACCOUNTS_PER_ROUND, [...partitions().keys()]);
      if (due.length === 0) break;
      await this.#bookEach(due);
      await write();
    }
    const next = await rows.nextAccountDueAt([...partitions().keys()]);
    this.#nextAt = Math.min(this.#nextAt, next ?? Infinity);
  }

  async #bookEach(accounts: DueAccount[]): Promise<void> {
    const todo = accounts.values();
    const work = async (): Promise<void> => {
      for (const account of todo) {
        const partition = this.parts.partitions().get(partitionOf(account.tenant, account.accountId));
        if (partition === undefined || partition.pending.isAccountPending(account.tenant, account.accountId)) continue;
        await this.#bookOne(partition, account);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.parts.accountsAtOnceMax, accounts.length) }, work));
  }

  async #bookOne(partition: OwnedPartition, { tenant, accountId }: DueAccount): Promise<void> {
    const key = accountKey(tenant, accountId);
    this.#loweredMeanwhile.set(key, Infinity);
    partition.bookings += 1;
    try {
      const { nextDueAt, booked } = await this.parts.book(tenant, accountId);
      this.parts.metrics.duesBooked.inc(booked);
      const dueAt = Math.min(nextDueAt ?? Infinity, this.#loweredMeanwhile.get(key) ?? Infinity);
      partition.pending.book(tenant, accountId, dueAt === Infinity ? null : dueAt);
    } catch (error) {
      if (error instanceof EventStoreUnavailable || error instanceof SessionsOverloaded) throw error;
      this.parts.metrics.troubles.inc({ part: 'dues' });
      this.parts.logger.error({ err: error, tenant, accountId }, 'the dues of an account could not be booked; they are tried again');
      partition.pending.book(tenant, accountId, this.parts.clock.now() + TROUBLE_DELAY_MS);
    } finally {
      partition.bookings -= 1;
      this.#loweredMeanwhile.delete(key);
    }
  }
}
