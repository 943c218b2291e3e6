import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CommandBus } from '@nestjs/cqrs';
import {
  LogKeyedCommands,
  MemoryEventStore,
  type AppendResult,
  type CommandAppend,
  type EventStore,
  type RequestContext,
} from '#libs/event-store';
import { ClosePeriod, ClosePeriodHandler, PeriodReads, periodsStream, type HeadSource } from '#libs/finance';
import type { BookDue } from '#libs/ledger';
import { PostgresFinanceReads } from '#libs/projections';
import { Harness, NO_KEYS } from '../libs/projections/src/testing/harness.js';
import { ManualClock, World } from '../libs/projections/src/testing/world.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';

const DAY_MS = 86_400_000;
const JANUARY = Date.UTC(2026, 0, 10);

let database: TestDatabase;
let clock: ManualClock;
let store: MemoryEventStore;
let harness: Harness;
let world: World;
let reads: PostgresFinanceReads;

beforeEach(async () => {
  database = await createTestDatabase();
  clock = new ManualClock(JANUARY);
  store = new MemoryEventStore(clock);
  harness = new Harness(store, database.pool, clock);
  reads = new PostgresFinanceReads(database.pool);
  world = new World(store, clock);
  harness.engine.start();
});
afterEach(async () => {
  await harness.engine.stop();
  await database.drop();
});

const heads: HeadSource = { head: async () => ({ treeSize: 7, checkpoint: 'a signed note', position: await store.head() }) };

function handlerOn(
  events: EventStore,
  bookDue = (accountId: string): Promise<unknown> => world.account(accountId, { type: 'BookDue' }),
): ClosePeriodHandler {
  const commands = { execute: ({ accountId }: BookDue) => bookDue(accountId) } as unknown as CommandBus;
  return new ClosePeriodHandler(events, new LogKeyedCommands(events, NO_KEYS), reads, harness.reads, commands, clock, heads);
}

function context(idempotencyKey: string | null = null): RequestContext {
  const request = { method: 'POST', path: '/v1/periods/2026-01/close', body: {}, idempotencyKey, accounts: null };
  return { tenant: 't1', actor: 'key_finance', correlationId: 'req', causationId: null, ...request };
}

async function closed(
  handler: ClosePeriodHandler,
  period: string,
): Promise<{ created: boolean; text: string; summary: NonNullable<Awaited<ReturnType<PeriodReads['get']>>>['summary'] }> {
  const result = await handler.execute(new ClosePeriod(context(), period));
  if (!result.ok) throw new Error(result.detail);
  return { created: result.view.created, text: JSON.stringify(result.view.period), summary: result.view.period.summary };
}

async function refusal(handler: ClosePeriodHandler, period: string): Promise<string> {
  const result = await handler.execute(new ClosePeriod(context(), period));
  return result.ok ? 'closed' : result.code;
}

describe('the close of a month', () => {
  it('books every lapse and reset that is due in it first, and no hold is an obstacle', async () => {
    await world.open('acc_1', 'free');
    const costBasis = { currency: 'USD', amountMinor: 500 };
    await world.account('acc_1', {
      type: 'GrantCredits',
      bucket: 'purchased',
      credits: 100,
      expiresAt: JANUARY + 5 * DAY_MS,
      reference: null,
      costBasis,
    });
    await world.submit('acc_1', { credits: 30, deadlineMs: 90 * DAY_MS });
    clock.at = Date.UTC(2026, 1, 20);
    const { summary } = await closed(handlerOn(store), '2026-01');
    expect(summary?.credits.find(({ bucket }) => bucket === 'purchased')).toMatchObject({
      expired: 100,
      closing: { available: 0, held: 0 },
    });
    // The allowance of the cycle that ends in February is still there, less the hold.
    expect(summary?.credits.find(({ bucket }) => bucket === 'subscription')).toMatchObject({
      expired: 0,
      closing: { available: 170, held: 30 },
    });
    expect(summary?.money).toMatchObject([{ currency: 'USD', deferred: 500, breakage: 500, deferredClosing: 0 }]);
    const [posting] = (await reads.postings({ tenant: 't1', accounts: null }, { account: 'expired:purchased' }, { limit: 1, cursor: null }))
      .data;
    expect([posting?.effectiveAt, posting?.originalEffectiveAt]).toEqual([new Date(JANUARY + 5 * DAY_MS).toISOString(), undefined]);
  });

  it('is refused before it is over, out of order, and for what is no month', async () => {
    await world.open('acc_1', 'free');
    const handler = handlerOn(store);
    expect(await refusal(handler, '2026-01')).toBe('conflict');
    expect(await refusal(handler, '2026-00')).toBe('validation_failed');
    expect(await refusal(handler, '26-01')).toBe('validation_failed');
    clock.at = Date.UTC(2026, 2, 2);
    expect(await refusal(handler, '2026-02')).toBe('conflict');
    expect(await store.readStream(periodsStream('t1'))).toEqual([]);
    expect((await closed(handler, '2026-01')).created).toBe(true);
    expect((await closed(handler, '2026-02')).created).toBe(true);
  });

  it('asked again and again at once is one close, with the same bytes', async () => {
    await world.open('acc_1', 'free');
    clock.at = Date.UTC(2026, 1, 3);
    const answers = await Promise.all(Array.from({ length: 5 }, () => closed(handlerOn(store), '2026-01')));
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect((await store.readStream(periodsStream('t1'))).map(({ type }) => type)).toEqual(['PeriodCloseStarted', 'PeriodClosed']);
    clock.at = Date.UTC(2026, 1, 9);
    expect(await closed(handlerOn(store), '2026-01')).toEqual({ ...answers[0], created: false });
  });

  it('interrupted between its fence and its figures is ended by the next one, with what came between left out', async () => {
    await world.open('acc_1', 'free');
    clock.at = Date.UTC(2026, 1, 3);
    const lost = new Proxy(store, {
      get: (target, name) => {
        if (name !== 'append') return Reflect.get(target, name, target) as unknown;
        return (command: CommandAppend): Promise<AppendResult> =>
          command.appends[0]?.facts[0]?.type === 'PeriodClosed' ? Promise.reject(new Error('the process ended')) : target.append(command);
      },
    });
    await expect(closed(handlerOn(lost), '2026-01')).rejects.toThrow('the process ended');
    const open = await new PeriodReads(store, reads, clock).get('t1', '2026-01');
    expect(open).toMatchObject({ status: 'open', summary: null });
    clock.at = Date.UTC(2026, 1, 5);
    await world.account('acc_1', {
      type: 'GrantCredits',
      bucket: 'promotional',
      credits: 9,
      expiresAt: null,
      reference: null,
      costBasis: null,
    });
    const { created, summary } = await closed(handlerOn(store), '2026-01');
    expect(created).toBe(true);
    expect(summary?.credits.at(-1)).toMatchObject({ granted: 200, closing: { available: 200, held: 0 } });
    const period = await new PeriodReads(store, reads, clock).get('t1', '2026-01');
    expect(period).toMatchObject({ status: 'closed', closedAt: '2026-02-03T00:00:00.000Z', treeSize: 7, checkpoint: 'a signed note' });
  });

  it('takes in nothing that arrives while it is under way', async () => {
    await world.open('acc_1', 'free');
    clock.at = Date.UTC(2026, 1, 3);
    const stop = new AbortController();
    const life = (async () => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        await world.account('acc_1', {
          type: 'GrantCredits',
          bucket: 'promotional',
          credits: 1,
          expiresAt: null,
          reference: `n${n}`,
          costBasis: null,
        });
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const first = await closed(handlerOn(store), '2026-01');
    stop.abort();
    await life;
    await harness.caughtUp();
    const {
      position: _p,
      groups: _g,
      nextCursor: _n,
      ...again
    } = await reads.summary({ tenant: 't1', accounts: null }, { from: Date.UTC(2026, 0), to: Date.UTC(2026, 1) }, null);
    expect(again).toEqual(first.summary);
    expect(first.summary?.credits.at(-1)?.granted).toBe(200);
  });

  it('under a key is the first answer again, and another month under that key is refused', async () => {
    await world.open('acc_1', 'free');
    clock.at = Date.UTC(2026, 1, 3);
    const handler = handlerOn(store);
    const first = await handler.execute(new ClosePeriod(context('k'), '2026-01'));
    const again = await handler.execute(new ClosePeriod(context('k'), '2026-01'));
    expect(first).toMatchObject({ ok: true, replayed: false, view: { created: true } });
    expect(again).toEqual({ ...first, replayed: true });
  });

  it('of one tenant is no other’s', async () => {
    const other = new World(store, clock, 't2', undefined, 3);
    await world.open('acc_1', 'free');
    await other.open('acc_1', 'free');
    clock.at = Date.UTC(2026, 1, 3);
    await closed(handlerOn(store), '2026-01');
    const periods = new PeriodReads(store, reads, clock);
    expect(await periods.get('t2', '2026-01')).toMatchObject({ status: 'open' });
    expect((await periods.list('t1', { limit: 1, before: null })).data).toMatchObject([{ period: '2026-02', status: 'open' }]);
    expect((await periods.list('t1', { limit: 9, before: '2026-02' })).data).toMatchObject([{ period: '2026-01', status: 'closed' }]);
    expect(await periods.get('t1', '2025-12')).toBeNull();
  });
});
