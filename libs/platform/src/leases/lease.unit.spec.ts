import { describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { Lease } from '#libs/platform';
import { until } from '../../../../test/support/until.js';

describe('a lease', () => {
  it('that was taken anew is not lost to a late answer to what was asked for the ownership before it', async () => {
    let tokens = 0;
    let answerRenewal: ((answer: { rowCount: number }) => void) | undefined;
    const pool = {
      query: (text: string) => {
        if (text.startsWith('INSERT')) return Promise.resolve({ rows: [{ token: String(++tokens) }] });
        const isRenewal = text.includes('$4');
        return isRenewal ? new Promise((resolve) => (answerRenewal = resolve as typeof answerRenewal)) : Promise.resolve({ rowCount: 1 });
      },
    } as unknown as pg.Pool;
    const losses: string[] = [];
    const lease = new Lease(pool, 'slow', { ttlMs: 90, onLost: (why) => losses.push(why.message) });
    await lease.acquire();
    await until(() => answerRenewal !== undefined && !lease.held());
    expect(await lease.acquire()).toBe(true);
    answerRenewal!({ rowCount: 0 });
    // In turns of promises alone: no timer of the lease's own comes in between.
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(lease.token).toBe('2');
    expect(losses).toEqual(['lease slow ran out before it was renewed']);
    await lease.release();
  });
});
