import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { BillImport, PostgresBillLeases, PostgresBillStaging, type BillImportParts, type BillView } from '#libs/finance';
import { heldMemory } from '../../../../test/support/held-memory.js';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { Rebuilds } from '../engine/rebuild.postgres.js';
import { READ_MODEL_LIST } from '../read-models.js';
import { BillHouse } from '../testing/bill-house.js';

let database: TestDatabase;
let house: BillHouse;

beforeAll(async () => {
  database = await createTestDatabase();
  house = new BillHouse(database);
  await house.harness.caughtUp();
});
afterAll(async () => {
  await house.close();
  await database.drop();
});

const HEADER = 'provider,provider_job_id,billed_at,amount,currency,units\n';

function importer(over: Partial<BillImportParts> = {}): BillImport {
  const { pool } = database;
  return new BillImport({
    staging: new PostgresBillStaging(pool),
    leases: new PostgresBillLeases(pool, 60_000),
    store: house.store,
    projected: house.harness.reads,
    clock: { now: () => Date.now() },
    providerExists: (id) => id === 'simulator' || id === 'other',
    defaultProvider: 'simulator',
    ...over,
  });
}

async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function send(tenant: string, text: string, bills = importer(), size = 65_536): Promise<BillView> {
  return bills.run({ tenant, actor: 'key', correlationId: 'c', causationId: null, format: 'csv', body: chunks(text, size) });
}

async function bookedOf(tenant: string): Promise<unknown[]> {
  await house.harness.caughtUp();
  const { rows } = await database.pool.query(
    `SELECT account, commodity, sum(amount)::int AS amount FROM journal_posting WHERE tenant = $1 AND event_type = 'BillLineBooked'
      GROUP BY account, commodity ORDER BY account, commodity`,
    [tenant],
  );
  return rows;
}

const row = (job: string, minute: number, cents: number, provider = 'simulator'): string =>
  `${provider},${job},2025-01-01T00:${String(minute).padStart(2, '0')}:00Z,${(cents / 100).toFixed(2)},USD,\n`;

describe('an import that is interrupted', () => {
  it('goes on after a crash, at whatever batch it came, to the same end', async () => {
    const text = HEADER + Array.from({ length: 1_200 }, (_, n) => row(`crash-${n}`, n % 60, n)).join('');
    for (const survived of [0, 1, 3]) {
      const tenant = `crash${survived}`;
      let appended = 0;
      const store: BillImportParts['store'] = {
        headsOf: (streams) => house.store.headsOf(streams),
        findByKeyDigests: (digests) => house.store.findByKeyDigests(digests),
        head: () => house.store.head(),
        append: async (command) => {
          if (appended === survived) throw new Error('killed');
          appended += 1;
          return house.store.append(command);
        },
      };
      await expect(send(tenant, text, importer({ store }))).rejects.toThrow('killed');
      await Promise.all([importer().resume(), importer().resume()]);
      expect((await database.pool.query('SELECT 1 FROM bill_import')).rowCount).toBe(0);
      const total = (1_199 * 1_200) / 2;
      expect(await bookedOf(tenant)).toEqual([
        { account: 'expenses:unmatched:simulator', commodity: 'USD', amount: total },
        { account: 'liabilities:provider:simulator', commodity: 'USD', amount: -total },
      ]);
      const again = await send(tenant, text);
      expect(again).toMatchObject({ lines: 1_200, duplicates: 1_200, orphans: 0 });
    }
  });

  it.each(['find', 'summary'] as const)('answers what another wrote that ended it meanwhile, before it asked for its %s', async (asked) => {
    const ours = new PostgresBillStaging(database.pool);
    const answer = ours[asked].bind(ours) as (billId: string) => Promise<never>;
    // As after a pause that outlasted the lease: somebody else has it, and has done everything.
    const everybodys = { acquire: () => Promise.resolve({ held: () => true, release: () => Promise.resolve() }) };
    ours[asked] = async (billId) => {
      await importer({ leases: everybodys }).resume();
      return answer(billId);
    };
    const view = await send(`paused-${asked}`, HEADER + row('paused', 1, 5) + row('paused', 2, 6), importer({ staging: ours }));
    expect(view).toMatchObject({ lines: 2, orphans: 2, duplicates: 0 });
    expect((await database.pool.query('SELECT 1 FROM bill_import')).rowCount).toBe(0);
  });

  it('forgets a body that died on its way', async () => {
    const staging = new PostgresBillStaging(database.pool);
    await staging.begin({ billId: 'bill_dead', tenant: 't', actor: 'key', correlationId: 'c', causationId: null });
    await importer().resume();
    expect((await database.pool.query('SELECT 1 FROM bill_import')).rowCount).toBe(1);
    await staging.discardAbandoned(0);
    expect((await database.pool.query('SELECT 1 FROM bill_import')).rowCount).toBe(0);
  });
});

describe('the leases of a bill', () => {
  it('are all given back where one of them could not be asked for', async () => {
    let isAway = true;
    const pool = Object.create(database.pool) as pg.Pool;
    const asked = database.pool.query.bind(database.pool) as (text: string, values: unknown[]) => Promise<pg.QueryResult>;
    const query = (text: string, values: unknown[]): Promise<pg.QueryResult> =>
      isAway && values[0] === 'bills-t.b' ? Promise.reject(new Error('the database is away')) : asked(text, values);
    Object.assign(pool, { query });
    const failing = new PostgresBillLeases(pool, 60_000).acquire(['bills-t.a', 'bills-t.b'], 60_000);
    await expect(failing).rejects.toThrow('the database is away');
    isAway = false;
    const lease = await new PostgresBillLeases(pool, 60_000).acquire(['bills-t.b', 'bills-t.a'], 0);
    expect(lease?.held()).toBe(true);
    await lease?.release();
  });
});

describe('random bills', () => {
  it('book the same totals in any split and order, cut into chunks of any size', async () => {
    let tenants = 0;
    const lines = fc.uniqueArray(
      fc.record({
        job: fc.integer({ min: 0, max: 7 }),
        minute: fc.integer({ min: 0, max: 59 }),
        cents: fc.integer({ min: -300, max: 5_000 }),
        provider: fc.constantFrom('simulator', 'other'),
      }),
      { selector: ({ job, minute, provider }) => `${provider} ${job} ${minute}`, minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(
        lines,
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 1_000 })),
        async (all, parts, random) => {
          const [one, other] = [`p${(tenants += 1)}`, `p${(tenants += 1)}`];
          await Promise.all([one, other].map((tenant) => house.jobs(tenant, 4, 37)));
          const text = (list: typeof all): string =>
            HEADER + list.map(({ job, minute, cents, provider }) => row(`job-${job}`, minute, cents, provider)).join('');
          await send(one, text(all));
          const drawn = all.map((line) => ({ line, key: random.next().value as number, part: (random.next().value as number) % parts }));
          const shuffled = drawn.sort((a, b) => a.key - b.key);
          const split = Array.from({ length: parts }, (_, part) => shuffled.filter((each) => each.part === part).map(({ line }) => line));
          const sent = await Promise.all([...split, all].map((list) => send(other, text(list), importer(), 7)));
          expect(sent.reduce((sum, bill) => sum + bill.duplicates, 0)).toBe(all.length);
          expect(await bookedOf(other)).toEqual(await bookedOf(one));
          // What was booked is what was billed less the cost of the jobs that were billed.
          const billed = all.reduce((sum, { cents }) => sum + cents, 0);
          const known = new Set(all.filter(({ job, provider }) => job < 4 && provider === 'simulator').map(({ job }) => job)).size;
          const booked = ((await bookedOf(one)) as Array<{ account: string; amount: number }>).filter(({ account }) =>
            account.startsWith('expenses:'),
          );
          expect(booked.reduce((sum, { amount }) => sum + amount, 0)).toBe(billed - 37 * known);
        },
      ),
      { numRuns: 8 },
    );
  });
});

describe('the rows of bills', () => {
  it('are those that the log makes', async () => {
    await house.jobs('rebuilt', 3, 5);
    await send('rebuilt', HEADER + row('job-0', 1, 5) + row('job-1', 1, 6) + row('job-9', 20, 1));
    await house.harness.caughtUp();
    const rebuilds = new Rebuilds(house.harness.engine, house.store, database.pool, READ_MODEL_LIST);
    for (const name of ['provider-bills', 'journal'])
      expect(await rebuilds.run(name, { diff: true })).toMatchObject({ name, differing: 0, differences: [] });
  });
});

describe('a bill of 200 MB', () => {
  it('that is cut off mid-line imports nothing, in flat memory', async () => {
    const line = Buffer.from(`${'x'.repeat(2_000)}\n`.repeat(500));
    const heights: number[] = [];
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(HEADER + row('flat', 1, 1));
      for (let sent = 0; sent < 200; sent += 1) {
        yield line;
        if (sent % 20 === 0) heights.push(heldMemory());
      }
      yield Buffer.from('simulator,cut,2025-01-');
    }
    const upload = { tenant: 'flat', actor: 'key', correlationId: 'c', causationId: null, format: 'csv' as const, body: body() };
    await expect(importer().run(upload)).rejects.toThrow('breaks off');
    expect(Math.max(...heights) - (heights[0] as number)).toBeLessThan(30_000_000);
    expect((await database.pool.query('SELECT 1 FROM bill_import')).rowCount).toBe(0);
    expect(await bookedOf('flat')).toEqual([]);
  });
});
