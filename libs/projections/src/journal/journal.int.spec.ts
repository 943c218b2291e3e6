import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MemoryEventStore } from '#libs/event-store';
import { recognisedMinor } from '#libs/ledger';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { Year } from '../../../../test/year/year.js';
import { Harness } from '../testing/harness.js';
import { ManualClock } from '../testing/world.js';
import { PostgresFinanceReads } from './finance-reads.postgres.js';

jest.setTimeout(60_000);

const FROM = Date.UTC(2026, 0);
const ALL = { tenant: 't1', accounts: null };

let database: TestDatabase;
let harness: Harness;
let year: Year;
let reads: PostgresFinanceReads;

beforeAll(async () => {
  database = await createTestDatabase();
  const clock = Object.assign(new ManualClock(FROM), {
    set(instant: number) {
      clock.at = instant;
      return Promise.resolve();
    },
  });
  const store = new MemoryEventStore(clock);
  harness = new Harness(store, database.pool, clock);
  reads = new PostgresFinanceReads(database.pool);
  harness.engine.start();
  year = new Year(store, clock, {
    ...{ seed: 7, accounts: 6, tasks: 600, ticksPerDay: 2, from: FROM, months: 3, tenant: 't1' },
    ...{ lapsedRefund: 'grace', atOnce: 1 },
  });
  await year.run((_month, meanwhile) => meanwhile());
  await harness.caughtUp();
});
afterAll(async () => {
  await harness.engine.stop();
  await database.drop();
});

describe('the journal', () => {
  it('sums to zero in every commodity and every entry', async () => {
    expect(harness.errors).toEqual([]);
    const { rows } = await database.pool.query(
      'SELECT position, commodity, sum(amount) FROM journal_posting GROUP BY 1, 2 HAVING sum(amount) <> 0',
    );
    expect(rows).toEqual([]);
  });

  it('closes with the balances that the accounts have, and with the money that their grants defer', async () => {
    const summary = await reads.summary(ALL, {}, null);
    const states = [...year.world.accounts.values()].map(({ state }) => state);
    for (const row of summary.credits) {
      const grants = states
        .flatMap((state) => [...state.grants.values()])
        .filter(({ bucket }) => row.bucket === 'all' || bucket === row.bucket);
      const available = grants.reduce((sum, grant) => sum + grant.available, 0);
      const held = grants.reduce((sum, grant) => sum + grant.held, 0);
      expect({ bucket: row.bucket, ...row.closing }).toEqual({ bucket: row.bucket, available, held });
    }
    const deferred = new Map<string, number>();
    for (const { costBasis, credits, available, held } of states.flatMap((state) => [...state.grants.values()])) {
      if (costBasis === null) continue;
      const left = costBasis.amountMinor - recognisedMinor(costBasis, credits - available - held, credits);
      deferred.set(costBasis.currency, (deferred.get(costBasis.currency) ?? 0) + left);
    }
    for (const { currency, deferredClosing } of summary.money)
      expect([currency, deferredClosing]).toEqual([currency, deferred.get(currency) ?? 0]);
  });
});
