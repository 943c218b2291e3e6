import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from '#libs/event-store';
import { DAY_MS, decimalsOf, exportAs, periodsStream, type JournalExport, type PostingFilter, type PostingView } from '#libs/finance';
import { toIso } from '#libs/kernel';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';
import { ties } from '../../../../test/year/books.js';
import { Random } from '../../../../test/year/random.js';
import { Year } from '../../../../test/year/year.js';
import { Harness } from '../testing/harness.js';
import { ManualClock } from '../testing/world.js';
import { PostgresFinanceReads } from './finance-reads.postgres.js';
import { journal } from './project.js';

const FROM = Date.UTC(2026, 0);
const MONTHS = 3;
const BOOKS = { tenant: 't1', accounts: null };

let database: TestDatabase;
let clock: ManualClock & { set(instant: number): Promise<void> };
let store: MemoryEventStore;
let harness: Harness;
let year: Year;
let reads: PostgresFinanceReads;
/** Every posting, to add up by hand. */
let postings: PostingView[];

async function everyPosting(filter: PostingFilter = {}): Promise<PostingView[]> {
  const all: PostingView[] = [];
  for await (const page of (await reads.exportJournal(BOOKS, filter)).pages()) all.push(...page);
  return all;
}

beforeAll(async () => {
  database = await createTestDatabase();
  clock = Object.assign(new ManualClock(FROM), {
    set(instant: number) {
      clock.at = instant;
      return Promise.resolve();
    },
  });
  store = new MemoryEventStore(clock);
  harness = new Harness(store, database.pool, clock, { engine: { batchSizeMax: 211 } });
  reads = new PostgresFinanceReads(database.pool);
  harness.engine.start();
  year = new Year(store, clock, {
    ...{ seed: 7, accounts: 6, tasks: 500, ticksPerDay: 2, from: FROM, months: MONTHS, tenant: 't1' },
    ...{ lapsedRefund: 'grace' as const, atOnce: 1 },
  });
  await year.run((_month, meanwhile) => meanwhile());
  await harness.caughtUp();
  expect(harness.errors).toEqual([]);
  postings = await everyPosting();
});
afterAll(async () => {
  await harness.engine.stop();
  await database.drop();
});

/** A sum over postings that take effect in a range, as an accountant would do it. */
function posted(account: RegExp, commodity: string, range: { from?: number; to?: number }): number {
  return postings
    .filter((posting) => account.test(posting.account) && posting.commodity === commodity)
    .filter(({ effectiveAt }) => Date.parse(effectiveAt) >= (range.from ?? -Infinity) && Date.parse(effectiveAt) < (range.to ?? Infinity))
    .reduce((sum, { amount }) => sum + amount, 0);
}

describe('the journal of some months', () => {
  it('sums to zero in every entry, ties to the accounts, and has each posting once', async () => {
    const sums = new Map<string, number>();
    for (const { position, commodity, amount } of postings)
      sums.set(`${position} ${commodity}`, (sums.get(`${position} ${commodity}`) ?? 0) + amount);
    expect([...sums].filter(([, sum]) => sum !== 0)).toEqual([]);
    expect(new Set(postings.map(({ id }) => id)).size).toBe(postings.length);
    expect(postings.length).toBeGreaterThan(2_000);
    expect(
      await ties(
        reads,
        BOOKS,
        [...year.world.accounts.values()].map(({ state }) => state),
      ),
    ).toEqual([]);
  });

  it('adds up over any range what its postings add up to, at any instant it begins or ends', async () => {
    const random = Random.of(11, 'ranges');
    const instants = postings.map(({ effectiveAt }) => Date.parse(effectiveAt));
    const some = (): number | undefined =>
      random.of([
        undefined,
        random.of(instants),
        FROM + random.whole(0, 100) * DAY_MS,
        Date.UTC(2026, random.whole(0, 3)),
        random.of(instants) + 1,
      ]);
    for (let round = 0; round < 40; round += 1) {
      const [a, b] = [some(), some()];
      const [from, to] = a !== undefined && b !== undefined && a > b ? [b, a] : [a, b];
      const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
      const summary = await reads.summary(BOOKS, range, null);
      const before = from === undefined ? { to: 0 } : { to: from };
      const upTo = to === undefined ? {} : { to };
      for (const row of summary.credits.slice(0, -1)) {
        const available = new RegExp(`^customer:.*:${row.bucket}:available$`);
        const held = new RegExp(`^customer:.*:${row.bucket}:held$`);
        expect({ range, ...row }).toMatchObject({
          opening: { available: posted(available, 'CREDIT', before), held: posted(held, 'CREDIT', before) },
          closing: { available: posted(available, 'CREDIT', upTo), held: posted(held, 'CREDIT', upTo) },
          granted: 0 - posted(new RegExp(`^issued:${row.bucket}$`), 'CREDIT', range),
          expired: posted(new RegExp(`^expired:${row.bucket}$`), 'CREDIT', range),
        });
      }
      for (const row of summary.money) {
        expect({ range, ...row }).toMatchObject({
          deferredOpening: 0 - posted(/^liabilities:deferred-revenue$/, row.currency, before),
          deferredClosing: 0 - posted(/^liabilities:deferred-revenue$/, row.currency, upTo),
          recognised: 0 - posted(/^revenue:usage:/, row.currency, range),
          receivable: posted(/^assets:receivable:/, row.currency, upTo),
          providerCost: posted(/^expenses:provider:/, row.currency, range),
        });
      }
      const accountId = `acc_${random.whole(0, 5)}`;
      const statement = await reads.statement(BOOKS, accountId, range);
      const own = new RegExp(`^customer:${accountId}:.*:available$`);
      expect([range, statement?.opening.available, statement?.closing.available]).toEqual([
        range,
        posted(own, 'CREDIT', before),
        posted(own, 'CREDIT', upTo),
      ]);
      const ownHeld = new RegExp(`^customer:${accountId}:.*:held$`);
      expect([range, statement?.opening.held, statement?.closing.held]).toEqual([
        range,
        posted(ownHeld, 'CREDIT', before),
        posted(ownHeld, 'CREDIT', upTo),
      ]);
    }
  });

  it.each(['day', 'month', 'bucket', 'plan', 'account', 'model'] as const)('shows the same in groups by %s, page by page', async (by) => {
    const range = { from: FROM + 5 * DAY_MS + 3_600_000, to: FROM + 70 * DAY_MS + 7_200_000 };
    const whole = await reads.summary(BOOKS, range, null);
    const groups: Awaited<ReturnType<typeof reads.summary>>['groups'] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof reads.summary>> = await reads.summary(BOOKS, range, { by, page: { limit: 3, cursor } });
      groups.push(...page.groups);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(new Set(groups.map(({ key }) => key)).size).toBe(groups.length);
    expect(groups.map(({ key }) => key)).toEqual(groups.map(({ key }) => key).sort());
    const all = whole.credits.at(-1)!;
    const sum = (pick: (row: typeof all) => number): number => groups.reduce((total, group) => total + pick(group.credits.at(-1)!), 0);
    for (const figure of ['consumed', 'returned', 'reserved'] as const)
      expect([figure, sum((row) => row[figure])]).toEqual([figure, all[figure]]);
    if (by === 'model') {
      expect(groups[0]?.credits.at(-1)).toMatchObject({ opening: null, closing: null });
      return;
    }
    expect(sum((row) => row.granted)).toBe(all.granted);
    if (by === 'day' || by === 'month') {
      expect(groups[0]?.credits.at(-1)?.opening).toEqual(all.opening);
      expect(groups.at(-1)?.credits.at(-1)?.closing).toEqual(all.closing);
      for (const [index, group] of groups.slice(1).entries())
        expect(group.credits.at(-1)?.opening).toEqual(groups[index]?.credits.at(-1)?.closing);
    } else {
      expect(sum((row) => row.opening!.available)).toBe(all.opening!.available);
      expect(sum((row) => row.closing!.held)).toBe(all.closing!.held);
    }
  });

  it('is of the accounts alone that a key may see, in every group', async () => {
    const bound = { tenant: 't1', accounts: ['acc_1', 'acc_4'] };
    const range = { from: FROM + 9 * DAY_MS + 1_000, to: FROM + 50 * DAY_MS + 7_200_000 };
    const { credits } = await reads.summary(bound, range, null);
    const consumed = postings
      .filter(({ account, amount, accountId }) => account.startsWith('consumed:') && amount > 0 && bound.accounts.includes(accountId ?? ''))
      .filter(
        ({ eventType, effectiveAt }) =>
          eventType === 'CreditsConsumed' && effectiveAt >= toIso(range.from) && effectiveAt < toIso(range.to),
      )
      .reduce((sum, { amount }) => sum + amount, 0);
    const available = /^customer:(acc_1|acc_4):.*:available$/;
    expect(credits.at(-1)).toMatchObject({
      consumed,
      opening: { available: posted(available, 'CREDIT', { to: range.from }) },
      closing: { available: posted(available, 'CREDIT', { to: range.to }) },
    });
    for (const by of ['day', 'month', 'bucket', 'plan', 'account', 'model'] as const) {
      const { groups } = await reads.summary(bound, range, { by, page: { limit: 200, cursor: null } });
      expect([by, groups.reduce((sum, group) => sum + group.credits.at(-1)!.consumed, 0)]).toEqual([by, consumed]);
      if (by === 'account') expect(groups.map(({ key }) => key)).toEqual(bound.accounts);
      if (by === 'day') expect(groups.at(-1)?.credits.at(-1)?.closing).toEqual(credits.at(-1)?.closing);
    }
  });

  it('is filtered by account, customer, commodity and time, in log order', async () => {
    const page = async (filter: PostingFilter): Promise<string[]> => (await everyPosting(filter)).map(({ id }) => id);
    const expected = (test: (posting: PostingView) => boolean): string[] => postings.filter(test).map(({ id }) => id);
    expect(await page({ account: 'customer:acc_1' })).toEqual(expected(({ account }) => account.startsWith('customer:acc_1:')));
    expect(await page({ account: 'revenue:breakage' })).toEqual(expected(({ account }) => account === 'revenue:breakage'));
    expect(await page({ accountId: 'acc_2', commodity: 'USD' })).toEqual(
      expected(({ accountId, commodity }) => accountId === 'acc_2' && commodity === 'USD'),
    );
    const [from, to] = [FROM + 20 * DAY_MS, FROM + 31 * DAY_MS];
    expect(await page({ from, to })).toEqual(expected(({ effectiveAt }) => effectiveAt >= toIso(from) && effectiveAt < toIso(to)));
    const whole = await page({ account: 'revenue:breakage', wholeEntries: true });
    const entries = new Set(postings.filter(({ account }) => account === 'revenue:breakage').map(({ position }) => position));
    expect(whole).toEqual(expected(({ position }) => entries.has(position)));
  });

  it('is exported as of one position while it grows', async () => {
    const exported: JournalExport = await reads.exportJournal(BOOKS, {});
    let seen = 0;
    for await (const text of exportAs('jsonl', exported)) {
      if (seen === 0)
        await year.world.account('acc_0', {
          type: 'GrantCredits',
          bucket: 'referral',
          credits: 1,
          expiresAt: null,
          reference: 'late',
          costBasis: null,
        });
      await harness.caughtUp();
      seen += text.trimEnd().split('\n').length;
    }
    expect(seen).toBe(postings.length);
    expect(exported.commodities.map((commodity) => [commodity, decimalsOf(commodity)])).toEqual([
      ['CREDIT', 0],
      ['EUR', 2],
      ['JPY', 0],
      ['KWD', 3],
      ['USD', 2],
    ]);
  });

  it('dates what comes after a close by the close, in postings and movements alike, live and rebuilt', async () => {
    clock.at = Date.UTC(2026, 4, 2);
    const due = [...year.world.accounts].find(([, { state }]) => state.nextResetAt < Date.UTC(2026, 4));
    const [accountId] = due!;
    const closedAt = Date.UTC(2026, 4, 2, 3);
    // A fence that nobody booked for: what time brought about before it is still to be written.
    await store.append({
      meta: { commandId: 'f'.repeat(32), tenant: 't1', actor: 'spec', correlationId: 'c', causationId: null, requestHash: null },
      appends: [
        {
          stream: periodsStream('t1'),
          expectedRevision: -1,
          facts: [
            {
              type: 'PeriodCloseStarted',
              schemaVersion: 1,
              data: { period: '2026-04', from: '', to: '', closedAt: toIso(closedAt), closedBy: 'spec' },
            },
          ],
        },
      ],
    });
    await year.world.account(accountId, { type: 'BookDue' });
    await harness.caughtUp();
    const late = (await everyPosting({ accountId })).filter(({ originalEffectiveAt }) => originalEffectiveAt !== undefined);
    expect(late.length).toBeGreaterThan(0);
    for (const { effectiveAt, originalEffectiveAt } of late) {
      // The close's instant is the later one here: the record was before it.
      expect(effectiveAt).toBe(toIso(closedAt));
      expect(Date.parse(originalEffectiveAt!)).toBeLessThan(Date.UTC(2026, 4));
    }
    const { rows } = await database.pool.query('SELECT DISTINCT effective_at FROM movement WHERE position = ANY($1::text[])', [
      late.map(({ position }) => position),
    ]);
    expect(rows).toEqual([{ effective_at: new Date(closedAt) }]);
    expect(await reads.months('t1')).toContain('2026-05');

    const version = await harness.engine.buildVersion('journal');
    await until(async () =>
      (await harness.engine.registry.versions()).some((row) => row.name === 'journal' && row.version === version && row.state === 'active'),
    );
    for (const relation of journal.relations) {
      const differences = await database.pool.query(
        `(SELECT * FROM ${relation}_v1 EXCEPT ALL SELECT * FROM ${relation}_v${version}) UNION ALL (SELECT * FROM ${relation}_v${version} EXCEPT ALL SELECT * FROM ${relation}_v1)`,
      );
      expect([relation, differences.rows]).toEqual([relation, []]);
    }
  });

  it('ages what the accounts have, and the holds that are open', async () => {
    const at = clock.at;
    const aging = await reads.aging(BOOKS, at);
    const grants = [...year.world.accounts.values()].flatMap(({ state }) => [...state.grants.values()]);
    for (const { bucket, credits, bands } of aging.buckets) {
      const valid = grants.filter((grant) => grant.bucket === bucket && (grant.expiresAt === null || grant.expiresAt > at));
      const left = (test: (days: number) => boolean): number =>
        valid
          .filter(({ expiresAt }) => test(expiresAt === null ? Infinity : (expiresAt - at) / DAY_MS))
          .reduce((sum, grant) => sum + grant.available + grant.held, 0);
      expect({ bucket, credits, ...bands }).toEqual({
        ...{
          bucket,
          credits: left(() => true),
          '7d': left((d) => d <= 7),
          '30d': left((d) => d > 7 && d <= 30),
          '90d': left((d) => d > 30 && d <= 90),
        },
        ...{ '365d': left((d) => d > 90 && d <= 365), later: left((d) => d > 365 && d < Infinity), never: left((d) => d === Infinity) },
      });
    }
    const open = [...year.world.accounts.values()].flatMap(({ state }) => [...state.reservations.values()]);
    expect(aging.holds.reduce((sum, { count }) => sum + count, 0)).toBe(open.length);
    expect(aging.holds.reduce((sum, { credits }) => sum + credits, 0)).toBe(open.reduce((sum, { credits }) => sum + credits, 0));
    const summary = await reads.summary(BOOKS, {}, null);
    expect(aging.deferred).toEqual(
      summary.money.flatMap(({ currency, deferredClosing }) => (deferredClosing === 0 ? [] : [{ currency, amountMinor: deferredClosing }])),
    );
  });
});
