import { describe, expect, it } from '@jest/globals';
import { Readiness } from '#libs/platform';

describe('readiness', () => {
  it('is as good as the worst part, and names each', async () => {
    const readiness = new Readiness();
    expect(await readiness.report()).toEqual({ status: 'ok', parts: {} });
    readiness.register('b', () => ({ status: 'ok', lag: 3 }));
    const recover = readiness.register('a', () => ({ status: 'degraded', detail: 'behind' }));
    expect(await readiness.report()).toEqual({
      status: 'degraded',
      parts: { a: { status: 'degraded', detail: 'behind' }, b: { status: 'ok', lag: 3 } },
    });
    recover();
    expect((await readiness.report()).status).toBe('ok');
  });

  it('counts a check that throws as down, without its words', async () => {
    const readiness = new Readiness();
    readiness.register('postgres', () => Promise.reject(new Error('SELECT secret FROM keys')));
    expect(await readiness.report()).toEqual({ status: 'down', parts: { postgres: { status: 'down', detail: 'the check failed' } } });
  });
});
