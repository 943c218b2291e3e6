import { describe, expect, it } from '@jest/globals';
import { partsAsked, Readiness } from '#libs/platform';

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

  it('judges only the parts that are asked for, and takes a part that is not there as down', async () => {
    const readiness = new Readiness();
    readiness.register('postgres', () => ({ status: 'ok' }));
    readiness.register('readModel:movements', () => ({ status: 'down', detail: 'stopped' }));
    expect((await readiness.report()).status).toBe('down');
    expect(await readiness.report(partsAsked('postgres'))).toEqual({ status: 'ok', parts: { postgres: { status: 'ok' } } });
    expect((await readiness.report(partsAsked('postgres,postgers'))).parts).toEqual({
      postgres: { status: 'ok' },
      postgers: { status: 'down', detail: 'this process has no such part' },
    });
    expect([partsAsked(null), partsAsked(undefined), partsAsked('')]).toEqual([undefined, undefined, undefined]);
  });
});
