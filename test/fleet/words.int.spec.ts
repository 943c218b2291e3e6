import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Messaging } from '#libs/messaging';
import { DeadLetters, type DeadLetter } from '#libs/providers';
import type { ReceiptView } from '#libs/settlement';
import { createApiWorld, type ApiWorld } from '../api/api-world.js';
import { describeKafka, PATIENT } from '../kafka/describe-kafka.js';
import { until } from '../support/until.js';
import { HEARTBEAT_MS, Puppet, type Job } from './fleet-world.js';

const CLI = join(import.meta.dirname, '..', '..', 'apps', 'cli', 'bin', 'rollcredits.mjs');

describeKafka('what a worker may say', (kafka) => {
  let world: ApiWorld;
  let puppet: Puppet;
  let reader: Messaging;
  let accounts = 0;

  beforeAll(async () => {
    world = await createApiWorld({ ...kafka.env(), FLEET_HEARTBEAT_MS: String(HEARTBEAT_MS) });
    const model = {
      name: 'own',
      family: 'own',
      outputType: 'video',
      durationSeconds: 5,
      credits: 70,
      minimumPlan: 'free',
      provider: 'fleet',
    };
    expect((await world.call('PUT', '/v1/models/own', model)).status).toBe(200);
    reader = kafka.messaging(PATIENT);
    puppet = new Puppet(kafka.messaging(PATIENT), kafka.prefix, 'own');
  });
  afterAll(async () => {
    await puppet.stop();
    await world.close();
  });

  async function submit(deadlineMs = 300_000): Promise<{ id: string; account: string }> {
    const account = `words-${++accounts}`;
    await world.call('POST', '/v1/accounts', { id: account, name: account, plan: 'pro' });
    const body = { accountId: account, model: 'own', prompt: 'a fox', parameters: { deadlineMs } };
    const { status, body: task } = await world.call('POST', '/v1/tasks', body);
    expect(status).toBe(202);
    return { id: task.id as string, account };
  }
  const task = async (id: string): Promise<ReturnType<typeof JSON.parse>> => (await world.call('GET', `/v1/tasks/${id}`)).body;
  async function settled(id: string): Promise<ReturnType<typeof JSON.parse>> {
    await until(async () => (await task(id)).settlement !== 'open', { withinMs: 60_000, what: () => `${id} to be settled` });
    return task(id);
  }
  async function facts(id: string): Promise<string[]> {
    const { rows } = await world.database.pool.query<{ type: string }>('SELECT type FROM events WHERE stream = $1 ORDER BY rev', [
      `task-default.${id}`,
    ]);
    return rows.map((row) => row.type);
  }
  const has = (id: string, type: string): Promise<void> =>
    until(async () => (await facts(id)).includes(type), { withinMs: 60_000, what: () => `${id} to have ${type}` });
  async function charged(account: string): Promise<number> {
    const { body } = await world.call('GET', `/v1/accounts/${account}/balance`);
    expect(body.held).toBe(0);
    return 2_000 - (body.available as number);
  }

  it('comes twice, and counts once', async () => {
    const { id, account } = await submit();
    const job = await puppet.job(id);
    const messageId = randomUUID();
    await puppet.say(job, 'claimed');
    await puppet.succeed(job, {}, messageId);
    await puppet.succeed(job, {}, messageId);
    await puppet.succeed(job);
    await puppet.say(job, 'failed', { code: 'x', detail: 'after all', retryable: true });
    expect(await settled(id)).toMatchObject({ status: 'completed' });
    expect(await charged(account)).toBe(70);
  });

  it('comes in any order: a result before its claim is a result, a heartbeat after it is nothing', async () => {
    const { id, account } = await submit();
    const job = await puppet.job(id);
    await puppet.succeed(job, { deliveredFraction: 0.5 });
    await puppet.say(job, 'heartbeat', { progress: 10 });
    await puppet.say(job, 'claimed');
    expect(await settled(id)).toMatchObject({ status: 'completed', credits: { consumed: 35, refunded: 35 } });
    expect(await charged(account)).toBe(35);
  });

  it('is a dead letter where it is forged, unreadable or about nothing; the job it spoke of goes on', async () => {
    const { id } = await submit();
    const job = await puppet.job(id);
    const success = (change: Partial<Job>): string =>
      JSON.stringify({ jobId: job.jobId, attempt: 1, token: job.token, kind: 'succeeded', assets: [], ...change });
    const bad: Array<[string, string | Buffer | null, Record<string, string>]> = [
      ['forged_token', success({ token: 'A'.repeat(43) }), { ce_id: 'forged' }],
      ['wrong_attempt', success({ attempt: 2 }), { ce_id: 'wrong-attempt' }],
      ['unknown_job', success({ jobId: 'job_none' }), { ce_id: 'unknown' }],
      ['schema', success({ kind: 'done' } as object), { ce_id: 'schema' }],
      ['unreadable', Buffer.from([0xff, 0x00, 0xfe]), { ce_id: 'garbage', traceparent: 'kept' }],
      ['missing_headers', success({}), {}],
      ['tombstone', null, { ce_id: 'tombstone' }],
      ['oversize', `"${'x'.repeat(300_000)}"`, { ce_id: 'large' }],
    ];
    for (const [, value, headers] of bad) await puppet.raw(value, headers, job.taskId);
    await until(async () => (await list()).length === bad.length, { withinMs: 60_000, what: () => 'the dead letters' });
    const letters = await list();
    expect(letters.map(({ reason }) => reason).sort()).toEqual(bad.map(([reason]) => reason).sort());
    const garbage = letters.find(({ reason }) => reason === 'unreadable');
    expect(garbage).toMatchObject({
      topic: `${kafka.prefix}.results.v1`,
      value: Buffer.from([0xff, 0x00, 0xfe]),
      key: job.taskId,
      headers: { ce_id: 'garbage', traceparent: 'kept' },
      redriven: false,
    });
    await until(async () => (await deadLettersPart())?.open === bad.length, { what: () => '/readyz to say so' });
    const ready = await world.call('GET', '/readyz');
    expect(ready.status).toBe(200);
    expect(ready.body.parts.deadLetters.status).toBe('degraded');
    expect((await world.call('GET', '/metrics', undefined, { unchecked: true })).text).toMatch(
      /rollcredits_dead_letters_total\{reason="forged_token"[^}]*\} 1/,
    );
    await until(async () => (await task(id)).status === 'processing', { what: () => 'the job to go on' });
    await puppet.succeed(job);
    expect(await settled(id)).toMatchObject({ status: 'completed', credits: { consumed: 70 } });
  });

  it('can be redriven once, and is taken in then if it can be', async () => {
    const [first] = await list();
    const listed = JSON.parse((await cli(['list', '--json'])).out) as { data: object[] };
    expect(listed.data).toHaveLength(8);
    expect(listed.data[0]).toMatchObject({ id: first!.id, reason: first!.reason, redriven: false });
    const again = await cli(['redrive', first!.id, '--json']);
    expect(JSON.parse(again.out)).toEqual({ redriven: [first!.id], already: [] });
    expect(JSON.parse((await cli(['redrive', first!.id, '--json'])).out)).toEqual({ redriven: [], already: [first!.id] });
    expect(await Promise.all([cli(['redrive', 'no/0/0']), cli(['redrive']), cli([])])).toMatchObject([
      { code: 3 },
      { code: 2 },
      { code: 2 },
    ]);
    // What was bad is bad again: a letter of its own, that says which it was.
    await until(async () => (await list()).some(({ headers }) => headers['dl_redriven_from'] === first!.id), {
      what: () => 'it to come back',
    });
    expect((await cli(['redrive', '--all'])).out).toMatch(/^Redriven: 8\./);
    await until(async () => (await deadLettersPart())?.open === 8, { what: () => 'those to come back as well' });
  });

  it('after its attempt was given up is a late result, and the customer pays once', async () => {
    const { id, account } = await submit();
    const zombie = await puppet.job(id);
    await puppet.say(zombie, 'claimed');
    const heir = await puppet.job(id, 2);
    await puppet.say(heir, 'claimed');
    await puppet.succeed(zombie, { cost: { currency: 'USD', amountMinor: 5 } });
    await has(id, 'LateResultArrived');
    await until(() => puppet.cancellations.some(({ jobId, reason }) => jobId === zombie.jobId && reason === 'given_up'), {
      what: () => 'the first worker to be told',
    });
    await puppet.succeed(heir);
    expect(await settled(id)).toMatchObject({
      status: 'completed',
      credits: { consumed: 70 },
      attempts: [{ status: 'succeeded' }, { status: 'succeeded' }],
      assets: [{ url: `https://puppet.example/${heir.jobId}.mp4`, late: false }],
    });
    expect(await charged(account)).toBe(70);
    // Both ran, so both cost us something, which is booked after the charge.
    await until(async () => (await providerCost(id)) === 12, { what: () => 'the costs of both' });
  });

  it('after the time-out is a late result, delivered free', async () => {
    const { id, account } = await submit(8_000);
    const job = await puppet.job(id);
    expect(await settled(id)).toMatchObject({ status: 'timed_out', settlement: 'refunded' });
    await puppet.succeed(job);
    await has(id, 'LateResultArrived');
    await until(async () => (await task(id)).assets.length === 1, { what: () => 'its asset' });
    expect(await charged(account)).toBe(0);
    // Its cost is booked by a fact of its own, after the late result.
    const receipt = async (): Promise<{ charged: number; providerCost: object[] }> =>
      (await world.call('GET', `/v1/tasks/${id}/receipt`)).body as { charged: number; providerCost: object[] };
    await until(async () => (await receipt()).providerCost.length === 1, { what: () => 'its cost' });
    expect(await receipt()).toMatchObject({ charged: 0, providerCost: [{ currency: 'USD', amountMinor: 7 }] });
  });

  it('of a job that was cancelled before anybody began is late as well, and whoever begins is told to stop', async () => {
    const { id, account } = await submit();
    const job = await puppet.job(id);
    await world.call('POST', `/v1/tasks/${id}/cancel`);
    expect(await settled(id)).toMatchObject({ status: 'cancelled', settlement: 'refunded' });
    const before = puppet.cancellations.length;
    await puppet.say(job, 'claimed');
    await until(() => puppet.cancellations.slice(before).some(({ jobId, worker }) => jobId === job.jobId && worker === 'puppet'), {
      what: () => 'the worker to be told',
    });
    await puppet.succeed(job);
    await has(id, 'LateResultArrived');
    expect(await charged(account)).toBe(0);
  });

  it('by a second worker is ignored, and it is told so', async () => {
    const { id } = await submit();
    const job = await puppet.job(id);
    await puppet.say(job, 'claimed', { worker: 'one' });
    await puppet.say(job, 'claimed', { worker: 'two' });
    await until(() => puppet.cancellations.some(({ jobId, worker }) => jobId === job.jobId && worker === 'two'), {
      what: () => 'two to be told',
    });
    await puppet.say(job, 'failed', { worker: 'two', code: 'stopped', detail: '', retryable: false });
    await puppet.succeed(job, { worker: 'one' });
    expect(await settled(id)).toMatchObject({ status: 'completed' });
  });

  /** In US cents, the only currency here. */
  async function providerCost(id: string): Promise<number | undefined> {
    const { providerCost: costs } = (await world.call('GET', `/v1/tasks/${id}/receipt`)).body as ReceiptView;
    expect(costs.length).toBeLessThanOrEqual(1);
    return costs.find(({ currency }) => currency === 'USD')?.amountMinor;
  }
  async function list(): Promise<DeadLetter[]> {
    const letters = new DeadLetters({ keepValues: true });
    await reader.readTopic(`${kafka.prefix}.dead-letters.v1`, (messages) => messages.forEach((message) => letters.apply(message)));
    return letters.open();
  }
  async function deadLettersPart(): Promise<{ open: number } | undefined> {
    return (await world.call('GET', '/readyz')).body.parts.deadLetters;
  }
  function cli(words: string[]): Promise<{ code: number; out: string; err: string }> {
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [CLI, 'dead-letters', ...words],
        { env: { ...process.env, ...kafka.env() } },
        (_error, out, err) => resolve({ code: child.exitCode ?? 1, out, err }),
      );
    });
  }
});
