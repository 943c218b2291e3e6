import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Lease, runUnderLease } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';

/** So long that no busy machine misses a renewal. */
const LONG_MS = 60_000;

let database: TestDatabase;
let names = 0;
const nextName = (): string => `lease-${++names}`;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('a lease', () => {
  it('has one owner among many who ask at once', async () => {
    const name = nextName();
    const asked = Array.from({ length: 20 }, () => new Lease(database.pool, name, { ttlMs: LONG_MS }));
    const got = await Promise.all(asked.map((lease) => lease.acquire()));
    expect(got.filter(Boolean)).toHaveLength(1);
    expect(asked.filter((lease) => lease.held())).toHaveLength(1);
    await Promise.all(asked.map((lease) => lease.release()));
  });

  it('stays with an owner that renews, past its time to live', async () => {
    // Renewed every three seconds, and lost only after six more.
    const lease = new Lease(database.pool, nextName(), { ttlMs: 9_000 });
    await lease.acquire();
    const rival = new Lease(database.pool, lease.name);
    const { rows } = await database.pool.query<{ ends: string }>('SELECT expires_at::text AS ends FROM leases WHERE name = $1', [
      lease.name,
    ]);
    await until(async () => {
      expect(await rival.acquire()).toBe(false);
      const { rowCount } = await database.pool.query('SELECT 1 WHERE clock_timestamp() > $1::timestamptz', [rows[0]!.ends]);
      return rowCount === 1;
    });
    expect(await rival.acquire()).toBe(false);
    expect(lease.held()).toBe(true);
    await lease.release();
  });

  it('passes on at once when it is released, with a greater token', async () => {
    const first = new Lease(database.pool, nextName());
    await first.acquire();
    const token = BigInt(first.token);
    await first.release();
    expect(first.held()).toBe(false);
    const second = new Lease(database.pool, first.name);
    expect(await second.acquire()).toBe(true);
    expect(BigInt(second.token)).toBeGreaterThan(token);
    await second.release();
  });

  it('is taken over when its owner falls silent, and the old owner is told and fenced out', async () => {
    const losses: string[] = [];
    const old = new Lease(database.pool, nextName(), { ttlMs: 9_000, onLost: (why) => losses.push(why.message) });
    await old.acquire();
    const successor = new Lease(database.pool, old.name, { ttlMs: LONG_MS });
    // Again where a renewal came in between: the old owner is not silent in truth.
    await until(async () => {
      await database.pool.query(`UPDATE leases SET expires_at = clock_timestamp() WHERE name = $1`, [old.name]);
      return successor.acquire();
    });
    await until(() => losses.length > 0);
    expect(losses).toEqual([`lease ${old.name} was taken over`]);
    expect(old.held()).toBe(false);
    await successor.release();
  });

  it('is not held by a process that slept through its time, even before it asks the database', async () => {
    const lease = new Lease(database.pool, nextName(), { ttlMs: 60 });
    await lease.acquire();
    const wakeMs = performance.now() + 100;
    while (performance.now() < wakeMs); // The event loop stands still, as in a paused process.
    expect(lease.held()).toBe(false);
    await lease.release();
  });

  it('is lost for good once its time ran out, even where nobody else took it: what the owner left undone meanwhile is begun anew', async () => {
    const losses: string[] = [];
    const lease = new Lease(database.pool, nextName(), { ttlMs: 90, onLost: (why) => losses.push(why.message) });
    await lease.acquire();
    const token = BigInt(lease.token);
    const wakeMs = performance.now() + 150;
    while (performance.now() < wakeMs); // The event loop stands still, as in a paused process.
    expect(lease.held()).toBe(false);
    await until(() => losses.length > 0 || lease.held());
    expect(losses).toEqual([`lease ${lease.name} ran out before it was renewed`]);
    expect(await lease.acquire()).toBe(true);
    expect(BigInt(lease.token)).toBeGreaterThan(token);
    await lease.release();
  });

  it('fences a transaction: a stale token fails, and nobody takes the lease while a fenced transaction is open', async () => {
    const lease = new Lease(database.pool, nextName(), { ttlMs: 60_000 });
    await lease.acquire();
    const client = await database.pool.connect();
    try {
      await client.query('BEGIN');
      expect(await lease.fence(client)).toBe(true);
      let taken = false;
      const stealing = database.pool
        .query(`UPDATE leases SET token = token + 1, owner = 'thief' WHERE name = $1`, [lease.name])
        .then(() => (taken = true));
      await until(async () => {
        const { rowCount } = await database.pool.query(
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE leases%thief%'`,
        );
        return rowCount === 1;
      });
      expect(taken).toBe(false);
      await client.query('COMMIT');
      await stealing;
      await client.query('BEGIN');
      expect(await lease.fence(client)).toBe(false);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    await lease.release();
  });
});

describe('work under a lease', () => {
  it('runs in one process at a time and goes on in another when the first stops', async () => {
    const name = nextName();
    const running = new Set<string>();
    let most = 0;
    const start = (who: string) =>
      runUnderLease(
        database.pool,
        name,
        async (_lease, signal) => {
          running.add(who);
          most = Math.max(most, running.size);
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          running.delete(who);
        },
        { ttlMs: LONG_MS, retryMs: 10 },
      );
    const one = start('one');
    await until(() => running.has('one'));
    const two = start('two');
    await one.stop();
    await until(() => running.has('two'));
    await two.stop();
    expect(most).toBe(1);
    expect(running.size).toBe(0);
  });

  it('is told to end when the lease is lost, and is tried again after a failure', async () => {
    const name = nextName();
    const told: string[] = [];
    const errors: string[] = [];
    let runs = 0;
    const worker = runUnderLease(
      database.pool,
      name,
      async (_lease, signal) => {
        runs += 1;
        if (runs === 1) throw new Error('stumbled');
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        told.push((signal.reason as Error).message);
      },
      { ttlMs: 9_000, retryMs: 10, onError: (error) => errors.push(error.message) },
    );
    await until(() => runs === 2);
    await database.pool.query(`UPDATE leases SET token = token + 1, owner = 'other', expires_at = clock_timestamp() WHERE name = $1`, [
      name,
    ]);
    await until(() => told.length === 1);
    await until(() => runs === 3);
    await worker.stop();
    expect(errors).toEqual(['stumbled']);
    expect(told[0]).toBe(`lease ${name} was taken over`);
  });
});
