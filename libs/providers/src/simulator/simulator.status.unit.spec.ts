import { describe, expect, it } from '@jest/globals';
import { statusOf, type SimulatedJob } from './simulator.status.js';

const job = (change: Partial<SimulatedJob>): SimulatedJob => ({
  clientJobId: 'job_1',
  outcome: 'succeed',
  createdMs: 1_000,
  dueMs: 1_200,
  deadlineMs: 50_000,
  cancelledMs: null,
  outputType: 'video',
  durationSeconds: '5',
  deliveredFraction: '1',
  cost: { currency: 'USD', amountMinor: 7 },
  ...change,
});

describe('a simulated job', () => {
  it('runs until it is due, and shows how far it is', () => {
    expect(statusOf(job({}), 1_000, 0)).toEqual({ kind: 'running', percent: 0 });
    expect(statusOf(job({}), 1_100, 0)).toEqual({ kind: 'running', percent: 50 });
    expect(statusOf(job({}), 1_199, 0)).toEqual({ kind: 'running', percent: 99 });
  });

  it('succeeds from its due instant on with an asset, its duration and its cost', () => {
    expect(statusOf(job({}), 1_200, 0)).toEqual({
      kind: 'succeeded',
      assets: [{ url: 'https://assets.simulator.example/job_1.mp4?seconds=5', mediaType: 'video/mp4', durationSeconds: '5' }],
      deliveredFraction: '1',
      actualDurationSeconds: '5',
      cost: { currency: 'USD', amountMinor: 7 },
    });
  });

  it('computes a partly delivered duration exactly', () => {
    const report = statusOf(job({ durationSeconds: '0.3', deliveredFraction: '0.1' }), 1_200, 0);
    expect(report).toMatchObject({ actualDurationSeconds: '0.03', deliveredFraction: '0.1' });
  });

  it('delivers no asset where nothing was delivered', () => {
    expect(statusOf(job({ deliveredFraction: '0' }), 1_200, 0)).toMatchObject({ kind: 'succeeded', assets: [] });
  });

  it.each([
    ['image', 'image/png'],
    ['audio', 'audio/wav'],
    ['text', 'text/plain'],
  ] as const)('delivers what an output of type %s is made of', (outputType, mediaType) => {
    expect(statusOf(job({ outputType }), 1_200, 0)).toMatchObject({ assets: [{ mediaType }] });
  });

  it('fails when due, with what it cost', () => {
    expect(statusOf(job({ outcome: 'fail' }), 1_199, 0)).toMatchObject({ kind: 'running' });
    expect(statusOf(job({ outcome: 'fail' }), 1_200, 0)).toMatchObject({ kind: 'failed', blame: 'provider', cost: { amountMinor: 7 } });
  });

  it('never answers when it hangs', () => {
    expect(statusOf(job({ outcome: 'hang' }), Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toEqual({
      kind: 'running',
      percent: null,
    });
  });

  it('is late only once the deadline has passed on the clock of the deployment', () => {
    const late = job({ outcome: 'late' });
    expect(statusOf(late, 999_999, 50_000)).toEqual({ kind: 'running', percent: null });
    expect(statusOf(late, 1_200, 50_001)).toMatchObject({ kind: 'succeeded' });
    expect(statusOf(late, 1_199, 50_001)).toMatchObject({ kind: 'running' });
  });

  it('stays cancelled, whatever the time', () => {
    expect(statusOf(job({ cancelledMs: 1_100 }), 9_999, 99_999)).toEqual({ kind: 'cancelled', cost: { currency: 'USD', amountMinor: 7 } });
  });
});
