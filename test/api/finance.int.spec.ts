import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiWorld, type Answer, type ApiWorld } from './api-world.js';
import { balanceOf, HAS_HLEDGER, HledgerFile, NO_HLEDGER } from '../support/hledger.js';
import { until } from '../support/until.js';

let world: ApiWorld;

beforeAll(async () => {
  world = await createApiWorld({ TEST_CLOCK: '1', LAPSED_REFUND: 'grace' });
});
afterAll(async () => {
  await world.close();
});

const RAW = { unchecked: true } as const;

async function ok(answer: Promise<Answer>, status: number): Promise<Answer> {
  const answered = await answer;
  if (answered.status !== status) throw new Error(`${answered.status}: ${answered.text}`);
  return answered;
}

const get = (path: string, key?: string): Promise<Answer> => ok(world.call('GET', path, undefined, key === undefined ? {} : { key }), 200);

async function setClock(now: string): Promise<void> {
  await ok(world.call('POST', '/v1/test-clock', { now }), 200);
}

async function generate(accountId: string, simulate: object): Promise<string> {
  const task = await ok(
    world.call('POST', '/v1/tasks', {
      accountId,
      model: 'kling-ai-5s',
      prompt: 'a fox',
      parameters: { simulate: { afterMs: 10, ...simulate } },
    }),
    202,
  );
  const { id } = task.body;
  await until(async () => {
    const { body } = await world.call('GET', `/v1/tasks/${id}`);
    return ['completed', 'failed'].includes(body.status) && body.settlement !== 'open';
  });
  return id;
}

/** Months of the deployment's own calendar, counted from the real present. */
function month(n: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + n)).toISOString().slice(0, 7);
}

describe('a month of a customer, as finance sees it', () => {
  const first = month(0);
  const second = month(1);
  let closed: Answer;

  beforeAll(async () => {
    await ok(world.call('POST', '/v1/accounts', { id: 'acc_1', name: 'Moss', plan: 'free' }), 201);
    const grant = { bucket: 'purchased', credits: 300, reference: '=1+1', costBasis: { currency: 'USD', amountMinor: 999 } };
    await ok(world.call('POST', '/v1/accounts/acc_1/grants', grant), 201);
    await ok(
      world.call('POST', '/v1/accounts/acc_1/grants', {
        ...grant,
        credits: 7,
        reference: 'yen',
        costBasis: { currency: 'JPY', amountMinor: 1000 },
      }),
      201,
    );
    for (let task = 0; task < 4; task += 1) await generate('acc_1', { outcome: 'succeed', cost: { currency: 'USD', amountMinor: 31 } });
    await generate('acc_1', { outcome: 'fail', cost: { currency: 'USD', amountMinor: 7 } });
  });

  it('is a journal that sums to zero, in log order, paged without loss', async () => {
    const all: Array<{ id: string; position: string; account: string; commodity: string; amount: number }> = [];
    let cursor = '';
    do {
      const page: Answer = await get(`/v1/journal?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`);
      all.push(...page.body.data);
      cursor = page.body.nextCursor ?? '';
    } while (cursor !== '');
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.map(({ position }) => position)).toEqual(all.map(({ position }) => position).sort());
    const sums = new Map<string, number>();
    for (const { position, commodity, amount } of all)
      sums.set(`${position} ${commodity}`, (sums.get(`${position} ${commodity}`) ?? 0) + amount);
    expect([...sums.values()].every((sum) => sum === 0)).toBe(true);
    expect((await get('/v1/journal?account=customer:acc_1&limit=200')).body.data.length).toBe(
      all.filter(({ account }) => account.startsWith('customer:acc_1:')).length,
    );
    expect((await get('/v1/journal?account=customer:acc')).body.data).toEqual([]);
    expect((await get('/v1/journal?commodity=JPY')).body.data.map(({ amount }: { amount: number }) => amount).sort()).toEqual([
      -1000, 1000,
    ]);
  });

  it('is a summary whose rows hold, by every group', async () => {
    const { body } = await get('/v1/finance/summary');
    const money = body.money.find(({ currency }: { currency: string }) => currency === 'USD');
    // Four generations of 70: 200 of the allowance, 80 of the 300 that cost 9.99.
    expect(money).toMatchObject({
      deferredOpening: 0,
      deferred: 999,
      recognised: 266,
      deferredClosing: 733,
      providerCost: 124,
      absorbedCost: 7,
      margin: 135,
    });
    expect(body.credits.map(({ bucket }: { bucket: string }) => bucket)).toEqual([
      'subscription',
      'purchased',
      'promotional',
      'referral',
      'all',
    ]);
    for (const groupBy of ['day', 'month', 'model', 'bucket', 'plan', 'account']) {
      const grouped = (await get(`/v1/finance/summary?groupBy=${groupBy}`)).body;
      const consumed = grouped.groups.reduce(
        (sum: number, group: { credits: Array<{ consumed: number }> }) => sum + (group.credits.at(-1)?.consumed ?? 0),
        0,
      );
      expect([groupBy, consumed]).toEqual([groupBy, 280]);
    }
    const byModel = (await get('/v1/finance/summary?groupBy=model')).body.groups[0];
    expect([byModel.key, byModel.credits[0].opening, byModel.credits[0].closing]).toEqual(['kling-ai-5s', null, null]);
    expect((await world.call('GET', '/v1/finance/summary?groupBy=day&cursor=eyJ4Ijox')).status).toBe(400);
    expect((await world.call('GET', '/v1/finance/summary?from=2026-02-01&to=2026-01-01')).status).toBe(400);
  });

  it('is a statement, also as CSV', async () => {
    const { body } = await get('/v1/accounts/acc_1/statement');
    expect(body.opening).toMatchObject({ available: 0, held: 0 });
    expect(body.closing).toMatchObject({ available: 227, held: 0 });
    const moved = body.movements.reduce((sum: number, { credits }: { credits: number }) => sum + credits, 0);
    expect(moved).toBe(227);
    expect(body.days.at(-1).closing).toBe(227);
    const csv = await world.call('GET', '/v1/accounts/acc_1/statement', undefined, { headers: { accept: 'text/csv' } });
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(csv.text.split('\r\n')[0]).toBe('date,type,bucket,count,credits,consumed');
    expect(csv.text.split('\r\n').length).toBe((body.movements as unknown[]).length + 2);
    expect((await world.call('GET', '/v1/accounts/acc_2/statement')).status).toBe(404);
  });

  it('ages what is outstanding', async () => {
    const { body } = await get('/v1/finance/aging');
    expect(body.buckets.find(({ bucket }: { bucket: string }) => bucket === 'purchased')).toMatchObject({
      credits: 227,
      bands: { never: 227, '7d': 0 },
    });
    expect(body.deferred).toEqual([
      { currency: 'JPY', amountMinor: 1000 },
      { currency: 'USD', amountMinor: 733 },
    ]);
  });

  it('closes once, whoever asks and however often, and not before it is over', async () => {
    expect((await world.call('POST', `/v1/periods/${first}/close`, {})).status).toBe(409);
    expect((await world.call('POST', '/v1/periods/2026-13/close', {})).status).toBe(400);
    await setClock(`${second}-03T04:05:06.789Z`);
    const asked = await Promise.all([1, 2, 3].map(() => world.call('POST', `/v1/periods/${first}/close`, {})));
    expect(asked.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(new Set(asked.map(({ text }) => text)).size).toBe(1);
    closed = asked.find(({ status }) => status === 201) as Answer;
    expect(closed.body).toMatchObject({ period: first, status: 'closed', summary: { checked: true } });
    expect(closed.body.treeSize).toBeGreaterThan(0);
    expect(closed.body.checkpoint).toContain('\n');
    expect((await world.call('POST', `/v1/periods/${second}/close`, {})).status).toBe(409);
  });

  it('keeps its figures for ever, and hands its closing on', async () => {
    await ok(world.call('POST', '/v1/accounts/acc_1/grants', { bucket: 'promotional', credits: 50, reference: 'later' }), 201);
    const range = `from=${first}-01&to=${second}-01`;
    const { position: _p, groups: _g, nextCursor: _n, ...figures } = (await get(`/v1/finance/summary?${range}`)).body;
    expect(JSON.stringify(figures)).toBe(JSON.stringify(closed.body.summary));
    const next = (await get(`/v1/finance/summary?from=${second}-01`)).body;
    expect(next.credits.map(({ bucket, opening }: { bucket: string; opening: object }) => ({ bucket, ...opening }))).toEqual(
      closed.body.summary.credits.map(({ bucket, closing }: { bucket: string; closing: object }) => ({ bucket, ...closing })),
    );
    expect((await get('/v1/periods')).body.data.map(({ period, status }: { period: string; status: string }) => [period, status])).toEqual([
      [second, 'open'],
      [first, 'closed'],
    ]);
    expect((await get(`/v1/periods/${first}`)).text).toBe(closed.text);
    expect((await world.call('GET', '/v1/periods/1999-01')).status).toBe(404);
  });

  it('replays a close under its key with its first status', async () => {
    await setClock(`${month(2)}-02T00:00:00.000Z`);
    const headers = { 'idempotency-key': 'close-2' };
    const once = await ok(world.call('POST', `/v1/periods/${second}/close`, {}, { headers }), 201);
    const again = await ok(world.call('POST', `/v1/periods/${second}/close`, {}, { headers }), 201);
    expect([again.text, again.headers['idempotent-replay']]).toEqual([once.text, 'true']);
    expect((await world.call('POST', `/v1/periods/${second}/close`, {})).status).toBe(200);
    expect((await world.call('POST', `/v1/periods/${first}/close`, {}, { headers })).status).toBe(422);
  });

  it('is exported in three formats at one position, safe to open in a spreadsheet', async () => {
    const jsonl = await world.call('GET', '/v1/journal/export', undefined, RAW);
    const csv = await world.call('GET', '/v1/journal/export?format=csv', undefined, RAW);
    expect(jsonl.headers['content-type']).toBe('application/x-ndjson');
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(csv.headers['content-disposition']).toMatch(/^attachment; filename="journal-[0-9]{16}\.csv"$/);
    expect(csv.headers['position']).toMatch(/^[0-9]{16}$/);
    const postings = jsonl.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const rows = csv.text.trimEnd().split('\r\n');
    expect(rows.length).toBe(postings.length + 1);
    expect(rows[0]).toBe(
      'position,index,effective_at,recorded_at,account,commodity,amount,event_id,event_type,account_id,bucket,grant_id,task_id,model,provider',
    );
    const usd = rows.find((row) => row.includes(',assets:clearing,USD,'));
    expect(usd).toContain(',9.99,');
    expect(rows.find((row) => row.includes(',assets:clearing,JPY,'))).toContain(',1000,');
  });

  (HAS_HLEDGER ? it : it.skip)(
    `is a journal that hledger takes, with the summary's balances${HAS_HLEDGER ? '' : ` (${NO_HLEDGER})`}`,
    async () => {
      const { text } = await world.call('GET', '/v1/journal/export?format=hledger', undefined, RAW);
      const file = HledgerFile.of(text);
      try {
        expect(file.check()).toBe('');
        const summary = (await get('/v1/finance/summary')).body;
        const balances = file.balances();
        for (const { currency, deferredClosing, recognised } of summary.money) {
          const decimals = currency === 'JPY' ? 0 : 2;
          expect(balanceOf(balances, 'liabilities:deferred-revenue', currency, decimals)).toBe(BigInt(-deferredClosing));
          expect(balanceOf(balances, 'revenue:usage', currency, decimals)).toBe(BigInt(-recognised));
        }
        for (const { bucket, closing } of summary.credits.slice(0, -1))
          expect(balanceOf(balances, new RegExp(`^customer:.*:${bucket}:available$`), 'CREDIT', 0)).toBe(BigInt(closing.available));
      } finally {
        file.remove();
      }
      const touching = await world.call('GET', '/v1/journal/export?format=hledger&account=revenue', undefined, RAW);
      const part = HledgerFile.of(touching.text);
      expect(part.check()).toBe('');
      part.remove();
    },
  );

  it('is shown to keys as far as they may see', async () => {
    const bound = await world.newKey(['finance:read', 'ledger:write'], { accounts: ['acc_9'] });
    expect((await get('/v1/journal', bound)).body.data).toEqual([]);
    expect((await get('/v1/finance/summary', bound)).body.credits.at(-1).closing).toEqual({ available: 0, held: 0 });
    expect((await world.call('GET', '/v1/periods', undefined, { key: bound })).status).toBe(403);
    expect((await world.call('POST', `/v1/periods/${first}/close`, {}, { key: bound })).status).toBe(403);
    const other = await world.newKey(['balances:read']);
    for (const path of ['/v1/journal', '/v1/journal/export', '/v1/finance/summary', '/v1/finance/aging', '/v1/periods'])
      expect((await world.call('GET', path, undefined, { key: other })).status).toBe(403);
    const elsewhere = await world.newKey(['finance:read'], { tenant: 'other' });
    expect((await get('/v1/journal', elsewhere)).body.data).toEqual([]);
    expect((await get('/v1/periods', elsewhere)).body.data).toHaveLength(1);
  });
});
