// What can be read of a worker's message, and the reason given for each that cannot.
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ProviderJob } from '../provider.port.js';
import { cancellationMessage, jobMessage, probeMessage, readResult, RESULT_BYTES_MAX, type ReadResult } from './fleet.messages.js';
import { CANCELLATION_SCHEMA, JOB_SCHEMA, RESULT_SCHEMA } from './fleet.schemas.js';
import { queued } from './testing/given.js';

const base = { jobId: 'job_1.1', attempt: 1, token: 'token' };
const ASSET = { url: 'https://gpu.example/1.mp4', mediaType: 'video/mp4' };
const read = (body: unknown, headers: Record<string, string> = { ce_id: 'm1' }): ReadResult =>
  readResult({ value: Buffer.isBuffer(body) || body === null ? body : Buffer.from(JSON.stringify(body)), headers });
const sayingOf = (body: object): object => {
  const result = read({ ...base, ...body });
  if (!('message' in result)) throw new Error(result.detail);
  return result.message.saying;
};
const reasonOf = (result: ReadResult): string => ('message' in result ? 'readable' : result.reason);

describe('a result', () => {
  it('of each kind is read', () => {
    expect(sayingOf({ kind: 'claimed', worker: 'a' })).toEqual({ kind: 'claimed', worker: 'a' });
    expect(sayingOf({ kind: 'heartbeat' })).toEqual({ kind: 'heartbeat', worker: null, progress: null });
    expect(sayingOf({ kind: 'heartbeat', worker: 'a', progress: 41.5 })).toEqual({ kind: 'heartbeat', worker: 'a', progress: 41.5 });
    expect(sayingOf({ kind: 'released', worker: 'a' })).toEqual({ kind: 'released', worker: 'a' });
    expect(sayingOf({ kind: 'probe' })).toEqual({ kind: 'probe' });
    const failed = { code: 'oom', detail: 'no memory', retryable: true };
    expect(sayingOf({ kind: 'failed', ...failed })).toEqual({
      kind: 'verdict',
      worker: null,
      verdict: { kind: 'failed', ...failed, blame: 'provider', cost: null },
    });
  });

  it('may leave out what it does not know, and may say more than we read', () => {
    expect(sayingOf({ kind: 'succeeded', assets: [{ ...ASSET, bytes: 12, sha256: null, extra: 1 }], later: true })).toEqual({
      kind: 'verdict',
      worker: null,
      verdict: {
        kind: 'succeeded',
        assets: [{ ...ASSET, durationSeconds: null }],
        deliveredFraction: '1',
        actualDurationSeconds: null,
        cost: null,
      },
    });
  });

  it.each<[unknown, string]>([
    [0, '0'],
    [0.5, '0.5'],
    ['0.250000', '0.25'],
    [1, '1'],
    // Cut off in the customer's favour.
    [0.9999999, '0.999999'],
    [1e-9, '0'],
  ])('that delivered %p delivered %s, exactly', (deliveredFraction, exact) => {
    expect(sayingOf({ kind: 'succeeded', assets: [], deliveredFraction })).toMatchObject({ verdict: { deliveredFraction: exact } });
  });

  it('keeps durations as exact decimals, and none that a fact could not hold', () => {
    const durations = [5, 5.25, '7.50', 1e30].map((durationSeconds) => {
      const said = sayingOf({ kind: 'succeeded', assets: [{ ...ASSET, durationSeconds }] }) as {
        verdict: { assets: Array<{ durationSeconds: string | null }>; actualDurationSeconds: string | null };
      };
      expect(said.verdict.actualDurationSeconds).toBe(said.verdict.assets[0]?.durationSeconds);
      return said.verdict.actualDurationSeconds;
    });
    expect(durations).toEqual(['5', '5.25', '7.5', null]);
  });

  it('has a long detail cut rather than refused', () => {
    const said = sayingOf({ kind: 'failed', code: 'x', detail: 'y'.repeat(3_000), retryable: false });
    expect((said as { verdict: { detail: string } }).verdict.detail).toHaveLength(1_001);
  });
});

describe('a message that cannot be read', () => {
  const succeeded = { ...base, kind: 'succeeded', assets: [ASSET] };
  it.each<[string, unknown, Record<string, string> | undefined]>([
    ['tombstone', null, undefined],
    ['oversize', Buffer.alloc(RESULT_BYTES_MAX + 1, 0x20), undefined],
    ['missing_headers', succeeded, {}],
    ['missing_headers', succeeded, { ce_id: '' }],
    ['missing_headers', succeeded, { ce_id: 'x'.repeat(201) }],
    ['unreadable', Buffer.from('{"jobId":'), undefined],
    ['unreadable', Buffer.from([0xff, 0xfe, 0x00, 0x80]), undefined],
    ['unreadable', Buffer.alloc(0), undefined],
    ['schema', 'text', undefined],
    ['schema', [], undefined],
    ['schema', 1, undefined],
    ['schema', {}, undefined],
    ['schema', { ...base, kind: 'done' }, undefined],
    ['schema', { ...base, kind: 'constructor' }, undefined],
    ['schema', { ...succeeded, jobId: 5 }, undefined],
    ['schema', { ...succeeded, token: undefined }, undefined],
    ['schema', { ...succeeded, attempt: 0 }, undefined],
    ['schema', { ...succeeded, attempt: '1' }, undefined],
    ['schema', { ...succeeded, assets: undefined }, undefined],
    ['schema', { ...succeeded, assets: [{ ...ASSET, url: 'javascript:alert(1)' }] }, undefined],
    ['schema', { ...succeeded, assets: [{ ...ASSET, mediaType: 'video' }] }, undefined],
    ['schema', { ...succeeded, assets: Array.from({ length: 101 }, () => ASSET) }, undefined],
    ['schema', { ...succeeded, deliveredFraction: 1.01 }, undefined],
    ['schema', { ...succeeded, deliveredFraction: -1 }, undefined],
    ['schema', { ...succeeded, deliveredFraction: '1.5' }, undefined],
    ['schema', { ...succeeded, cost: { currency: 'ZZZ', amountMinor: 1 } }, undefined],
    ['schema', { ...succeeded, cost: { currency: 'USD', amountMinor: 0.5 } }, undefined],
    ['schema', { ...succeeded, cost: { currency: 'USD', amountMinor: -1 } }, undefined],
    ['schema', { ...base, kind: 'heartbeat', progress: 101 }, undefined],
    ['schema', { ...base, kind: 'claimed' }, undefined],
    ['schema', { ...base, kind: 'failed', code: '', detail: '', retryable: true }, undefined],
    ['schema', { ...base, kind: 'failed', code: 'x', detail: '' }, undefined],
  ])('is a dead letter for the reason %s: %p', (reason, body, headers) => {
    expect(reasonOf(read(body, headers))).toBe(reason);
  });

  it('says what is wrong with it', () => {
    expect(read({ ...succeeded, cost: { currency: 'usd', amountMinor: 1 } })).toMatchObject({
      detail: expect.stringContaining('/cost/currency'),
    });
    expect(read({ ...base, kind: 'nonsense' })).toMatchObject({ detail: expect.stringContaining('claimed, heartbeat, succeeded') });
  });
});

describe('what goes out', () => {
  const job: ProviderJob = {
    clientJobId: 'task_1.1',
    tenant: 'acme',
    taskId: 'task_1',
    attempt: 1,
    model: 'kling-ai-5s',
    family: 'kling',
    prompt: 'a fox',
    parameters: { seed: 7, fleet: { lora: 'x' } },
    outputType: 'video',
    durationSeconds: '5',
    deadlineAt: Date.parse('2026-11-21T12:00:00Z'),
  };
  const envelope = { source: '/rollcredits/default', at: Date.parse('2026-11-21T11:50:00Z') };
  const bodyOf = ({ value }: { value: Buffer | string | null }): unknown => JSON.parse(String(value));
  const fits = (schema: object, body: unknown): boolean => new Ajv2020({ strict: false, validateFormats: false }).validate(schema, body);

  it('is a job as the contract has it, under the task’s key', () => {
    const message = jobMessage(job, queued(), 'secret', envelope);
    expect(message).toMatchObject({
      key: 'task_1',
      headers: { ce_id: 'job_1.1/0', ce_type: 'rollcredits.fleet.job.v1', ce_subject: 'task_1' },
    });
    expect(bodyOf(message)).toEqual({
      jobId: 'job_1.1',
      taskId: 'task_1',
      attempt: 1,
      model: 'kling-ai-5s',
      prompt: 'a fox',
      parameters: { seed: 7, fleet: { lora: 'x' } },
      outputType: 'video',
      durationSeconds: '5',
      deadlineAt: '2026-11-21T12:00:00.000Z',
      heartbeatEveryMs: 5000,
      token: 'secret',
    });
    expect(fits(JOB_SCHEMA, bodyOf(message))).toBe(true);
  });

  it('has the same id when it is the same job again, and another once it was given back', () => {
    const ids = [0, 0, 1].map((releases) => jobMessage(job, queued({ releases }), 't', envelope).headers['ce_id']);
    expect(ids).toEqual(['job_1.1/0', 'job_1.1/0', 'job_1.1/1']);
  });

  it('is a cancellation that its schema describes, and a question that only we can read as one', () => {
    const cancellation = cancellationMessage(queued(), { reason: 'cancelled', worker: null }, envelope);
    expect(fits(CANCELLATION_SCHEMA, bodyOf(cancellation))).toBe(true);
    const probe = probeMessage(queued(), 'ours', envelope);
    expect(reasonOf(readResult({ value: Buffer.from(probe.value as string), headers: probe.headers }))).toBe('readable');
    expect(fits(RESULT_SCHEMA, bodyOf(probe))).toBe(false);
  });
});
