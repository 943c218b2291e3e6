import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bucketOf } from '#libs/routing';
import { Deployment } from './support/deployment.js';
import { call, type Reply, type ServerProcess } from './support/server-process.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';
import { until } from './support/until.js';

const PRICE = 70;
const SUBMITS = 200;
const AT_ONCE = 30;

describe('API processes that share their accounts', () => {
  let database: TestDatabase;
  let deployment: Deployment;
  let tenant: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = new Deployment({ DATABASE_URL: database.url, POOL_SIZE: '4', OPEN_TASKS_PER_ACCOUNT_MAX: '100000' });
    await deployment.startAll(['api-1', 'api-2']);
    await open('first', 0);
    const { rows } = await database.pool.query<{ stream: string }>(`SELECT stream FROM events WHERE stream LIKE 'account-%.first' LIMIT 1`);
    tenant = rows[0]!.stream.slice('account-'.length, -'.first'.length);
    await spread('api-1', 'api-2');
  });

  afterAll(async () => {
    await deployment.stop();
    await database.drop();
  });

  const api = (name: string): ServerProcess => deployment.get(name);

  async function open(id: string, credits: number, via = deployment.urls('api')[0]!): Promise<void> {
    expect((await call(via, 'POST', '/v1/accounts', { id, name: id, plan: 'free' })).status).toBe(201);
    if (credits === 0) return;
    const granted = await call(via, 'POST', `/v1/accounts/${id}/grants`, { bucket: 'purchased', reference: id, credits });
    expect(granted.status).toBe(201);
  }

  /** Process ids by bucket. */
  async function owners(): Promise<Map<number, number>> {
    const { rows } = await database.pool.query<{ bucket: string; pid: string }>(
      `SELECT split_part(name, '/', 2) AS bucket, substring(owner FROM '-([0-9]+)-[0-9a-f]{8}-') AS pid
         FROM leases WHERE name LIKE 'accounts/%' AND expires_at > clock_timestamp()`,
    );
    return new Map(rows.map(({ bucket, pid }) => [Number(bucket), Number(pid)]));
  }

  /** Grows with every change of the owner of the account. */
  async function tokenOf(accountId: string): Promise<string | undefined> {
    const name = `accounts/${bucketOf(tenant, accountId)}`;
    const { rows } = await database.pool.query<{ token: string }>('SELECT token::text FROM leases WHERE name = $1', [name]);
    return rows[0]?.token;
  }

  /** Until the accounts are spread evenly over just these processes, and each of them knows. */
  async function spread(...names: string[]): Promise<void> {
    const part = 64 / names.length;
    const isEven = async (): Promise<boolean> => {
      const counts = new Map<number, number>();
      for (const pid of (await owners()).values()) counts.set(pid, (counts.get(pid) ?? 0) + 1);
      return counts.size === names.length && names.every((name) => Math.abs((counts.get(api(name).pid) ?? 0) - part) < 1);
    };
    await until(isEven, { withinMs: 60_000, what: () => `the accounts to be spread over ${names.join(', ')}` });
    const knows = async (name: string): Promise<boolean> => {
      const { owned, owners: known, status } = await routing(name);
      return Number(owned) >= Math.floor(part) && known === names.length && status === 'ok';
    };
    await until(async () => (await Promise.all(names.map(knows))).every(Boolean), { withinMs: 60_000 });
  }

  async function routing(name: string): Promise<Record<string, unknown>> {
    return (await call(api(name).url, 'GET', '/readyz')).body.parts.accounts as Record<string, unknown>;
  }

  /** An account that the process owns now. */
  async function openedOn(name: string, prefix: string, credits: number): Promise<string> {
    const owned = await owners();
    const { pid } = api(name);
    const id = Array.from({ length: 1_000 }, (_, n) => `${prefix}-${n}`).find((each) => owned.get(bucketOf(tenant, each)) === pid)!;
    await open(id, credits);
    return id;
  }

  const submit = (url: string, accountId: string, key?: string): Promise<Reply> =>
    call(
      url,
      'POST',
      '/v1/tasks',
      { accountId, model: 'kling-ai-5s', prompt: 'x', parameters: { simulate: { outcome: 'hang' } } },
      key === undefined ? {} : { 'idempotency-key': key },
    );

  /** Many submits, every other one under a key; `during` is run once a third of them is answered. */
  async function load(url: string, accountId: string, during: () => Promise<void>): Promise<Reply[]> {
    const replies: Reply[] = [];
    let next = 0;
    let disturbed: Promise<void> | undefined;
    const worker = async (): Promise<void> => {
      while (next < SUBMITS) {
        const n = next++;
        replies.push(await submit(url, accountId, n % 2 === 0 ? undefined : `${accountId}-${n}`));
        if (replies.length > SUBMITS / 3) disturbed ??= during();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await disturbed;
    return replies;
  }

  /** Every answer is a task of its own, and there are no others. */
  async function expectEachOnce(accountId: string, replies: Reply[]): Promise<void> {
    const counts: Record<string, number> = {};
    for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
    expect(counts).toEqual({ 202: replies.length });
    const { rows } = await database.pool.query<{ id: string }>(
      `SELECT data::jsonb->>'taskId' AS id FROM events WHERE type = 'TaskSubmitted' AND data::jsonb->>'accountId' = $1`,
      [accountId],
    );
    expect(rows.map(({ id }) => id).sort()).toEqual(replies.map(({ body }) => body.id as string).sort());
    const held = await database.pool.query<{ credits: string }>(
      `SELECT sum((r->>'credits')::int)::text AS credits FROM events, jsonb_array_elements(data::jsonb->'reservations') AS r
        WHERE type = 'CreditsReserved' AND stream = $1`,
      [`account-${tenant}.${accountId}`],
    );
    expect(Number(held.rows[0]!.credits)).toBe(replies.length * PRICE);
  }

  async function race(accountId: string): Promise<Record<string, number>> {
    const urls = ['api-1', 'api-2'].map((name) => api(name).url);
    const replies = await Promise.all(Array.from({ length: 200 }, (_, n) => submit(urls[n % 2]!, accountId)));
    const counts: Record<string, number> = {};
    for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }

  /** The free plan gives credits of its own. */
  async function openForTen(id: string): Promise<void> {
    const { rows } = await database.pool.query<{ allowance: string }>(
      `SELECT data::jsonb->>'monthlyAllowance' AS allowance FROM events WHERE type = 'PlanDefined' AND stream LIKE 'plan-%free' ORDER BY pos DESC LIMIT 1`,
    );
    await open(id, 10 * PRICE - Number(rows[0]!.allowance), api('api-1').url);
  }

  it('accept exactly what a hot account has, the one asking the other', async () => {
    let races = 0;
    let forwarded: number[] = [];
    // What they accept is exact every time. Who asks whom is judged by a race in which the owner stayed the owner and was heard of all the while.
    await until(async () => {
      await spread('api-1', 'api-2');
      const id = `hot-${(races += 1)}`;
      await openForTen(id);
      const figures = async (): Promise<{ forwarded: number[]; disturbances: unknown }> => {
        const each = await Promise.all(['api-1', 'api-2'].map(routing));
        return {
          forwarded: each.map((of) => Number(of['forwarded'])),
          disturbances: [await tokenOf(id), ...each.map((of) => of['fallenBack'])],
        };
      };
      const before = await figures();
      expect(await race(id)).toEqual({ 202: 10, 402: 190 });
      const after = await figures();
      forwarded = after.forwarded.map((count, n) => count - before.forwarded[n]!);
      return isDeepStrictEqual(after.disturbances, before.disturbances);
    });
    expect([...forwarded].sort((a, b) => a - b)).toEqual([0, 100]);
  });

  it('read what they wrote wherever it was decided, and say nothing of it', async () => {
    const account = await openedOn('api-2', 'read', PRICE);
    const reply = await submit(api('api-1').url, account);
    expect(reply.status).toBe(202);
    expect(reply.headers.get('position')).toBe(reply.body.position);
    expect(reply.headers.get('idempotent-replay')).toBeNull();
    expect((await call(api('api-1').url, 'POST', `/v1/tasks/${reply.body.id}/cancel`, {})).body).toMatchObject({ outcome: 'done' });
  });

  it('go on by themselves when an owner is killed in the middle of a batch, and decide nothing twice', async () => {
    const account = await openedOn('api-2', 'killed', SUBMITS * PRICE);
    const replies = await load(api('api-1').url, account, () => deployment.kill('api-2'));
    await expectEachOnce(account, replies);
    await deployment.start('api-2');
    await spread('api-1', 'api-2');
  });

  it('go on by themselves when an owner stands still, and what it does when it wakes changes nothing', async () => {
    const account = await openedOn('api-2', 'paused', SUBMITS * PRICE);
    const replies = await load(api('api-1').url, account, async () => {
      deployment.pause('api-2');
      await until(async () => [...(await owners()).values()].every((pid) => pid === api('api-1').pid));
    });
    deployment.resume('api-2');
    await spread('api-1', 'api-2');
    // Through the one that slept: everything that it had in hand is behind it.
    replies.push(await submit(api('api-2').url, account));
    await expectEachOnce(account, replies);
  });

  it('lose nothing while a process is replaced under load', async () => {
    const account = await openedOn('api-1', 'deployed', SUBMITS * PRICE);
    const replies = await load(api('api-2').url, account, async () => {
      await deployment.start('api-3');
      await api('api-1').stop();
    });
    await expectEachOnce(account, replies);
  });

  it('accept exactly what a hot account has where nobody owns it', async () => {
    await deployment.start('api-1');
    await database.pool.query(
      `UPDATE leases SET owner = 'nobody', token = token + 1, expires_at = clock_timestamp() + interval '1 hour',
              detail = jsonb_set(detail, '{address}', '"http://127.0.0.1:9"') WHERE name LIKE 'accounts/%'`,
    );
    await until(async () => (await Promise.all(['api-1', 'api-2'].map(routing))).every(({ owned }) => owned === 0));
    await openForTen('nobody');
    expect(await race('nobody')).toEqual({ 202: 10, 402: 190 });
  });
});
