import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { booksOf } from './support/books.js';
import { ADMIN_KEY, call, freePort, ServerProcess } from './support/server-process.js';
import { until } from './support/until.js';

const OUTCOMES = [
  { outcome: 'succeed', afterMs: 100 },
  { outcome: 'succeed', afterMs: 400, deliveredFraction: 0.5 },
  { outcome: 'fail', afterMs: 100 },
  { outcome: 'hang' },
  { outcome: 'reject' },
  { outcome: 'lost_submit', afterMs: 50 },
  { outcome: 'late', afterMs: 50 },
];
const KILLS = 3;
const TASKS = 210;
const ACCOUNTS = 3;

/** Deterministic, so that a failure can be run again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('a server that is killed three times under load', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcredits-chaos-'));
  // Root's PostgreSQL runs as another user, who has to be able to enter.
  chmodSync(dataDir, 0o711);
  const accounts = Array.from({ length: ACCOUNTS }, (_, n) => `chaos-${n}`);
  let server: ServerProcess;

  beforeAll(async () => {
    server = new ServerProcess(await freePort(), { DATA_DIR: dataDir });
    await server.start();
    for (const id of accounts) {
      expect((await call(server.url, 'POST', '/v1/accounts', { id, name: id, plan: 'pro' })).status).toBe(201);
      expect(
        (await call(server.url, 'POST', `/v1/accounts/${id}/grants`, { bucket: 'purchased', credits: 3500, reference: 'chaos' })).status,
      ).toBe(201);
    }
  });

  afterAll(async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('loses no acknowledged task, charges each at most once, holds nothing and balances its books', async () => {
    const next = random(20_261_121);
    const acknowledged = new Map<number, { status: number; taskId: string }>();
    const body = (n: number): object => ({
      accountId: accounts[n % ACCOUNTS],
      model: 'kling-ai-5s',
      prompt: `clip ${n}`,
      parameters: { deadlineMs: 2500, simulate: OUTCOMES[n % OUTCOMES.length] },
    });
    const submit = async (n: number): Promise<void> => {
      const reply = await call(server.url, 'POST', '/v1/tasks', body(n), { 'idempotency-key': `chaos-${n}` }).catch(() => null);
      if (reply === null || reply.status >= 500) return;
      expect([202, 402]).toContain(reply.status);
      const first = acknowledged.get(n);
      const taskId = reply.status === 202 ? reply.body.id : reply.body.taskId;
      // The same key never answers twice differently, whatever died between.
      if (first !== undefined) expect({ status: reply.status, taskId }).toEqual(first);
      acknowledged.set(n, { status: reply.status, taskId });
    };

    for (let round = 0; round < KILLS; round++) {
      const killAfter = Math.floor(10 + next() * 50);
      let answered = 0;
      const kills: Promise<void>[] = [];
      const wave = Array.from({ length: TASKS / KILLS }, (_, i) => round * (TASKS / KILLS) + i);
      await Promise.all(
        wave.map(async (n) => {
          await submit(n);
          if (++answered === killAfter) kills.push(server.kill());
        }),
      );
      expect(kills).toHaveLength(1);
      await kills[0];
      await server.start();
    }
    // Every client retries with its keys until each has an answer, and then once more.
    await until(async () => {
      for (let n = 0; n < TASKS; n++) if (!acknowledged.has(n)) await submit(n);
      return acknowledged.size === TASKS;
    });
    for (let n = 0; n < TASKS; n++) await submit(n);

    const accepted = [...acknowledged.values()].filter(({ status }) => status === 202);
    expect(accepted.length).toBeGreaterThan(100);
    const receipts = [];
    for (const { taskId } of accepted) {
      let task = (await call(server.url, 'GET', `/v1/tasks/${taskId}`)).body;
      await until(
        async () => {
          task = (await call(server.url, 'GET', `/v1/tasks/${taskId}`)).body;
          return task.settlement !== 'open';
        },
        { withinMs: 120_000, what: () => `${taskId} to settle: ${JSON.stringify(task)} ${server.output}` },
      );
      expect(task.credits.held).toBe(0);
      expect(Number(task.credits.consumed) + Number(task.credits.refunded)).toBe(70);
      if (task.status !== 'completed') expect(task.credits.consumed).toBe(0);
      const receipt = (await call(server.url, 'GET', `/v1/tasks/${taskId}/receipt`)).body;
      expect(receipt.lines.filter((line: { what: string }) => line.what === 'held')).toHaveLength(1);
      expect(receipt.lines.filter((line: { what: string }) => line.what === 'consumed').length).toBeLessThanOrEqual(1);
      receipts.push({ accountId: task.accountId as string, charged: receipt.charged as number });
      // No attempt is made a second time; one whose deadline passed while the server was down was never made.
      expect(task.attempts.length).toBeLessThanOrEqual(1);
      if (task.status === 'completed') expect(task.attempts.length).toBe(1);
    }
    for (const id of accounts) {
      const books = await booksOf({ url: server.url, key: ADMIN_KEY }, id);
      expect(books).toMatchObject({ balanced: true, held: 0 });
      expect(books.consumed).toBe(
        receipts.filter((receipt) => receipt.accountId === id).reduce((sum, receipt) => sum + receipt.charged, 0),
      );
    }
  }, 600_000);
});
