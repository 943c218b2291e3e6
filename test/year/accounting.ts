// A year on a real PostgreSQL: lived through, closed month by month, and its books held against the accounts and hledger.
import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandBus } from '@nestjs/cqrs';
import pg from 'pg';
import type { InstantMs } from '#libs/kernel';
import { LogKeyedCommands, PostgresEventStore, type RequestContext } from '#libs/event-store';
import { ClosePeriod, ClosePeriodHandler, monthOf, type PeriodView } from '#libs/finance';
import type { BookDue } from '#libs/ledger';
import { PostgresFinanceReads } from '#libs/projections';
import { Harness, NO_KEYS } from '../../libs/projections/src/testing/harness.js';
import type { ManualClock } from '../../libs/projections/src/testing/world.js';
import { HAS_HLEDGER, HledgerFile } from '../support/hledger.js';
import { agrees, closingsOpen, hledgerText, ties, type Faults } from './books.js';
import { Year, type YearClock, type YearOptions } from './year.js';

export interface YearReport {
  facts: number;
  tally: ReadonlyMap<string, number>;
  periods: PeriodView[];
  faults: Faults;
  /** What hledger found; null where it is not installed. */
  hledger: { check: string; exportBytes: number } | null;
  /** Closes that met another one, and were answered with the same bytes. */
  closesAtOnce: number;
}

/** The store's clock is PostgreSQL's plus this offset, as under the test clock. */
class OffsetClock implements YearClock {
  #offsetMs = 0;

  constructor(private readonly pool: pg.Pool) {}

  now(): InstantMs {
    return Date.now() + this.#offsetMs;
  }

  async set(instant: InstantMs): Promise<void> {
    this.#offsetMs = instant - Date.now();
    await this.pool.query('UPDATE deployment SET clock_offset_ms = $1', [this.#offsetMs]);
  }
}

export type Say = (line: string) => void;

export async function accountFor(url: string, options: YearOptions, say: Say): Promise<YearReport> {
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  pool.on('error', () => undefined);
  const clock = new OffsetClock(pool);
  await clock.set(options.from);
  const store = new PostgresEventStore({ pool });
  const harness = new Harness(store, pool, clock as unknown as ManualClock);
  const year = new Year(store, clock, options);
  const reads = new PostgresFinanceReads(pool);
  const books = { tenant: options.tenant, accounts: null };
  const commands = { execute: ({ accountId }: BookDue) => year.world.account(accountId, { type: 'BookDue' }) } as unknown as CommandBus;
  const handler = new ClosePeriodHandler(store, new LogKeyedCommands(store, NO_KEYS), reads, harness.reads, commands, clock, null);
  const periods: PeriodView[] = [];
  let closesAtOnce = 0;
  harness.engine.start();
  try {
    await year.run(async (month, meanwhile) => {
      const period = monthOf(month);
      // Two ask at once while the next month's life goes on.
      const [one, two] = await Promise.all([close(handler, options.tenant, period), close(handler, options.tenant, period), meanwhile()]);
      if (JSON.stringify(one) === JSON.stringify(two)) closesAtOnce += 1;
      periods.push(one);
      say(`${period} closed at ${one.position ?? ''}: ${one.summary?.credits.at(-1)?.consumed ?? 0} credits consumed`);
    });
    await harness.caughtUp();
    const states = [...year.world.accounts.values()].map(({ state }) => state);
    const faults = [...harness.errors.map(String), ...(await closingsOpen(reads, books, periods)), ...(await ties(reads, books, states))];
    const hledger = HAS_HLEDGER ? await withHledger(reads, books, periods, faults) : null;
    return { facts: Number(await store.head()), tally: year.tally, periods, faults, hledger, closesAtOnce };
  } finally {
    await harness.engine.stop();
    await store.close();
    await pool.end();
  }
}

async function close(handler: ClosePeriodHandler, tenant: string, period: string): Promise<PeriodView> {
  const context: RequestContext = {
    ...{ tenant, actor: 'key_finance', correlationId: `close-${period}`, causationId: null, method: 'POST' },
    ...{ path: `/v1/periods/${period}/close`, body: {}, idempotencyKey: null, accounts: null },
  };
  const result = await handler.execute(new ClosePeriod(context, period));
  if (!result.ok) throw new Error(`${period} could not be closed: ${result.detail}`);
  return result.view.period;
}

async function withHledger(
  reads: PostgresFinanceReads,
  books: { tenant: string; accounts: null },
  periods: readonly PeriodView[],
  faults: Faults,
): Promise<{ check: string; exportBytes: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcredits-year-'));
  const path = join(folder, `${randomBytes(4).toString('hex')}.journal`);
  try {
    const file = createWriteStream(path);
    for await (const text of hledgerText(reads, books)) if (!file.write(text)) await once(file, 'drain');
    file.end();
    await once(file, 'finish');
    const journal = HledgerFile.at(path);
    const check = journal.check();
    if (check === '') {
      faults.push(...(await agrees(reads, books, null, journal.balances())));
      const last = periods.at(-1);
      if (last !== undefined) faults.push(...(await agrees(reads, books, Date.parse(last.to), journal.balances(last.to.slice(0, 10)))));
    }
    return { check, exportBytes: file.bytesWritten };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
