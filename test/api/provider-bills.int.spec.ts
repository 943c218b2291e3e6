import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request as httpRequest } from 'node:http';
import { createApiWorld, ADMIN_KEY, type Answer, type ApiWorld } from './api-world.js';
import { until } from '../support/until.js';

let world: ApiWorld;
let jobs: [string, string, string, string];
let task: string;

const HEADER = 'provider,provider_job_id,billed_at,amount,currency,units';

beforeAll(async () => {
  world = await createApiWorld();
  await world.call('POST', '/v1/accounts', { id: 'acc_1', name: 'Moss', plan: 'max' });
  await world.call('POST', '/v1/accounts/acc_1/grants', { bucket: 'purchased', credits: 10_000, reference: 'r' });
  const made: Answer[] = [];
  for (const amountMinor of [31, 31, 31]) made.push(await generate({ outcome: 'succeed', cost: { currency: 'USD', amountMinor } }));
  made.push(await generate({ outcome: 'fail', cost: { currency: 'USD', amountMinor: 7 } }));
  jobs = made.map(({ body }) => body.attempts.at(-1).providerJobId as string) as typeof jobs;
  task = made[0]?.body.id;
});
afterAll(() => world.close());

async function generate(simulate: object): Promise<Answer> {
  const { body } = await world.call('POST', '/v1/tasks', {
    accountId: 'acc_1',
    model: 'kling-ai-5s',
    prompt: 'a fox',
    parameters: { simulate: { afterMs: 10, ...simulate } },
  });
  let read: Answer | undefined;
  await until(async () => {
    read = await world.call('GET', `/v1/tasks/${body.id}`);
    return ['completed', 'failed'].includes(read.body.status) && read.body.settlement !== 'open';
  });
  return read as Answer;
}

const send = (raw: string | Buffer, type = 'text/csv', key = ADMIN_KEY): Promise<Answer> =>
  world.call('POST', '/v1/provider-bills', undefined, { raw, key, headers: { 'content-type': type } });
const lines = async (id: string, query = ''): Promise<Answer['body'][]> =>
  (await world.call('GET', `/v1/provider-bills/${id}/lines${query}`)).body.data;
const now = (): string => new Date(Date.now()).toISOString();
const csv = (...rows: string[]): string => `${[HEADER, ...rows].join('\n')}\n`;
async function spent(): Promise<Record<string, number>> {
  const { body } = await world.call('GET', '/v1/finance/summary');
  const { providerCost, absorbedCost, unmatchedCost } = body.money.find(({ currency }: { currency: string }) => currency === 'USD');
  return { providerCost, absorbedCost, unmatchedCost };
}

describe('a provider bill', () => {
  it('tells matched, differing, orphaned, missing, rejected; books the difference once; and is the same whenever it is sent again', async () => {
    expect(jobs.every((job) => typeof job === 'string')).toBe(true);
    const before = await spent();
    const at = now();
    const from = '2020-01-01T00:00:00Z';
    const bill = csv(
      `simulator,${jobs[0]},${at},0.31,USD,70`,
      `simulator,${jobs[1]},${at},0.40,USD,`,
      `simulator,=1+1,${from},1.00,USD,`,
      '',
      `simulator,${jobs[1]},${at},0.40,USD,`,
      `simulator,${jobs[1]},${at},0.41,USD,`,
      `simulator,x,${at},0.350,USD,`,
      `nobody,x,2999-01-01T00:00:00Z,1,ZZZ,-1`,
    );
    const first = await send(bill);
    expect([first.status, first.text]).toEqual([201, expect.any(String)]);
    expect(first.headers['position']).toBe(first.body.position);
    expect(first.body).toMatchObject({
      ...{ lines: 7, matched: 1, differing: 1, orphans: 1, missing: 2, duplicates: 1, rejectedCount: 3 },
      drift: { money: [{ currency: 'USD', billed: 171, booked: 62, difference: 109 }] },
    });
    expect(
      first.body.rejected.map(({ line, errors }: Answer['body']) => [line, errors.map((error: Answer['body']) => error.code)]),
    ).toEqual([
      [7, ['already_exists']],
      [8, ['too_many_decimals']],
      [9, ['unknown_provider', 'in_future', 'unknown_currency', 'invalid']],
    ]);
    expect(await spent()).toEqual({
      providerCost: (before['providerCost'] as number) + 9,
      absorbedCost: before['absorbedCost'],
      unmatchedCost: (before['unmatchedCost'] as number) + 100,
    });
    const shown = await lines(first.body.id);
    expect(shown.map((line) => [line.line, line.providerJobId, line.state, line.bookedMinor, line.differenceMinor])).toEqual([
      [2, jobs[0], 'matched', 31, 0],
      [3, jobs[1], 'amount_differs', 31, 9],
      [4, '=1+1', 'orphan', 0, 100],
      [null, jobs[2], 'missing', 31, null],
      [null, jobs[3], 'missing', 7, null],
    ]);
    expect(shown[0].taskId).toBe(task);
    expect((await lines(first.body.id, '?state=orphan')).map(({ line }) => line)).toEqual([4]);
    const page = await world.call('GET', `/v1/provider-bills/${first.body.id}/lines?limit=3`);
    const rest = await world.call('GET', `/v1/provider-bills/${first.body.id}/lines?limit=3&cursor=${page.body.nextCursor}`);
    expect([...page.body.data, ...rest.body.data]).toEqual(shown);
    const settled = await spent();
    const again = await send(bill);
    expect(again.body).toMatchObject({ matched: 0, differing: 0, orphans: 0, missing: 2, duplicates: 4, rejectedCount: 3 });
    expect(again.body.drift).toEqual({ credits: 0, money: [] });
    expect(await spent()).toEqual(settled);
  });

  it('takes NDJSON, and adds up the lines of a job over several bills', async () => {
    const before = await spent();
    const row = (job: string | undefined, ms: number, amount: string): string =>
      `${JSON.stringify({ provider: 'simulator', provider_job_id: job, billed_at: new Date(Date.now() - ms).toISOString(), amount, currency: 'USD' })}\r\n`;
    const one = await send(row(jobs[2], 1_000, '0.30'), 'application/x-ndjson');
    expect(one.body).toMatchObject({ lines: 1, matched: 0, differing: 1 });
    const two = await send(row(jobs[2], 900, '0.01') + row(jobs[3], 900, '0.05'), 'application/x-ndjson');
    expect(two.body).toMatchObject({ lines: 2, matched: 1, differing: 1, drift: { money: [{ billed: 6, booked: 7, difference: -1 }] } });
    expect(await spent()).toEqual({ ...before, absorbedCost: (before['absorbedCost'] as number) - 2 });
  });

  it('books once however many send it at once', async () => {
    const before = await spent();
    const bill = csv(...Array.from({ length: 40 }, (_, n) => `simulator,once-${n},2024-01-01T00:00:00Z,0.01,USD,`));
    const answers = await Promise.all([send(bill), send(bill), send(bill)]);
    expect(answers.map(({ body }) => body.orphans).sort()).toEqual([0, 0, 40]);
    expect((await spent())['unmatchedCost']).toBe((before['unmatchedCost'] as number) + 40);
  });

  it('reads byte-order marks, CRLF, any header order and quoted fields, and counts physical lines', async () => {
    const header = 'currency,amount,units,provider_job_id,provider,billed_at';
    const body = `\ufeff${header}\r\nUSD,-1.00,,"a, ""b""",simulator,2024-02-01T00:00:00Z\r\n\r\nUSD,1.00,,"two\nlines",simulator,2024-02-01T00:00:00Z\r\nUSD,x,,c,simulator,2024-02-01T00:00:00Z`;
    // The last line is not ended and not valid: it was cut off.
    expect((await send(body)).status).toBe(400);
    const { status, body: answer } = await send(`${body}\r\n`);
    expect(status).toBe(201);
    expect(answer).toMatchObject({ lines: 3, orphans: 1, rejectedCount: 2 });
    expect(answer.rejected.map(({ line }: { line: number }) => line)).toEqual([4, 6]);
    expect((await lines(answer.id))[0]).toMatchObject({ providerJobId: 'a, "b"', amountMinor: -100 });
  });

  it('refuses whole what is no bill, and leaves nothing behind', async () => {
    const row = 'simulator,never,2024-03-01T00:00:00Z,1.00,USD,';
    for (const body of [
      `${HEADER.replaceAll(',', ';')}\n${row.replaceAll(',', ';')}\n`,
      `${HEADER},more\n${row},1\n`,
      `${HEADER},units\n${row},\n`,
      '',
      `${row}\n`,
      Buffer.concat([Buffer.from(csv(row)), Buffer.from([0xff, 0xfe, 0x0a])]),
      `${csv(row)}simulator,ne`,
      `${csv(row)}simulator,"never closed\n`,
    ]) {
      const { status, body: problem } = await send(body);
      expect([String(body).slice(0, 60), status, problem.code]).toEqual([String(body).slice(0, 60), 400, 'validation_failed']);
    }
    expect((await send('{"a":', 'application/x-ndjson')).status).toBe(400);
    expect((await send(csv(row), 'application/json')).status).toBe(400);
    expect((await send('{}', 'application/json')).status).toBe(415);
    expect((await send(csv(row), 'text/csv; charset=latin1')).status).toBe(415);
    const misplaced = await world.call('POST', '/v1/tasks', undefined, { raw: csv(row), headers: { 'content-type': 'text/csv' } });
    expect(misplaced.status).toBe(415);
    expect((await world.database.pool.query('SELECT 1 FROM bill_import UNION ALL SELECT 1 FROM bill_import_line')).rowCount).toBe(0);
    expect((await world.database.pool.query(`SELECT 1 FROM bill_line WHERE provider_job_id = 'never'`)).rowCount).toBe(0);
  });

  it('rejects a record of more than 64 KiB alone, and shows the first thousand of many', async () => {
    const long = await send(
      csv(`simulator,${'x'.repeat(70_000)},2024-03-01T00:00:00Z,1.00,USD,`, 'simulator,short,2024-03-01T00:00:00Z,1.00,USD,'),
    );
    expect(long.body).toMatchObject({ lines: 2, orphans: 1, rejected: [{ line: 2, errors: [{ field: null, code: 'too_large' }] }] });
    const many = await send(csv(...Array.from({ length: 1_500 }, () => 'simulator,,,,,')));
    expect([many.status, many.body.rejectedCount, many.body.rejected.length]).toEqual([201, 1_500, 1_000]);
    expect(await lines(many.body.id)).toEqual([]);
  });

  it('takes a line for another tenant’s job as an orphan, and shows a bill to its tenant alone', async () => {
    const key = await world.newKey(['ledger:write', 'finance:read'], { tenant: 'other' });
    const answer = await send(csv(`simulator,${jobs[0]},2024-04-01T00:00:00Z,0.31,USD,`), 'text/csv', key);
    expect(answer.body).toMatchObject({ orphans: 1, matched: 0, missing: 0 });
    expect((await world.call('GET', `/v1/provider-bills/${answer.body.id}/lines`)).status).toBe(404);
    const reader = await world.newKey(['finance:read']);
    expect((await send(csv(), 'text/csv', reader)).status).toBe(403);
    const bound = await world.newKey(['ledger:write', 'finance:read'], { accounts: ['acc_1'] });
    expect((await send(csv(), 'text/csv', bound)).status).toBe(403);
  });

  it('imports nothing of a connection that breaks off', async () => {
    const { url } = await world.api.listen();
    await new Promise<void>((resolve, reject) => {
      const request = httpRequest(`${url}/v1/provider-bills`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'text/csv', 'transfer-encoding': 'chunked' },
      });
      request.on('error', () => resolve());
      request.write(csv(...Array.from({ length: 6_000 }, (_, n) => `simulator,broken-${n},2024-05-01T00:00:00Z,0.01,USD,`)));
      void until(async () => (await world.database.pool.query('SELECT 1 FROM bill_import_line LIMIT 1')).rowCount === 1).then(() => {
        request.destroy();
        resolve();
      }, reject);
    });
    await until(async () => (await world.database.pool.query('SELECT 1 FROM bill_import')).rowCount === 0);
    const { rows } = await world.database.pool.query(`SELECT count(*)::int AS count FROM bill_line WHERE provider_job_id LIKE 'broken-%'`);
    expect(rows).toEqual([{ count: 0 }]);
  });
});
