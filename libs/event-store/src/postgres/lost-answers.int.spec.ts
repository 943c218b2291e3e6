import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { newCommandId } from '#libs/kernel';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';
import { EventStoreUnavailable, NO_STREAM, type AppendResult, type CommandAppend } from '../event-store.port.js';
import { PostgresEventStore } from './postgres-event-store.postgres.js';

/** Stands between a store and PostgreSQL, and loses what it is told to lose. */
class LossyProxy {
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();
  port = 0;
  losesAnswers = false;

  constructor(private readonly target: URL) {}

  async start(): Promise<void> {
    const server = createServer((client) => {
      const upstream = connect(Number(this.target.port), this.target.hostname);
      for (const socket of [client, upstream]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.on('data', (bytes) => upstream.write(bytes));
      upstream.on('data', (bytes) => {
        if (!this.losesAnswers) client.write(bytes);
      });
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    const closed = new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
    this.cut();
    await closed;
  }
}

function command(stream: string, expectedRevision = NO_STREAM): CommandAppend {
  const meta = { commandId: newCommandId(), tenant: 'acme', actor: 'key_1', correlationId: 'r', causationId: null, requestHash: null };
  return { meta, appends: [{ stream, expectedRevision, facts: [{ type: 'Happened', schemaVersion: 1, data: { stream } }] }] };
}

describe('when PostgreSQL, or the way to it, fails', () => {
  let database: TestDatabase;
  let proxy: LossyProxy;
  let pool: pg.Pool;
  let store: PostgresEventStore;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    await database.pool.query('TRUNCATE events; UPDATE log_head SET pos = 0, recorded_at_ms = 0');
    proxy = new LossyProxy(new URL(database.url));
    await proxy.start();
    const url = new URL(database.url);
    url.port = String(proxy.port);
    pool = new pg.Pool({ connectionString: url.href, max: 4 });
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    // As long as a busy machine may need to be back; who is to be told sooner says so.
    store = new PostgresEventStore({ pool, ambiguousMaxMs: 60_000 });
  });
  afterEach(async () => {
    await store.close();
    await pool.end();
    await proxy.stop();
  });

  const written = async (): Promise<number> =>
    Number((await database.pool.query<{ n: string }>('SELECT count(*) AS n FROM events')).rows[0]!.n);

  it('an append whose answer was lost is recognised in the log and answered, not written twice', async () => {
    await store.append(command('account-acme.a'));
    proxy.losesAnswers = true;
    const appends = [
      store.append(command('account-acme.a', 0)),
      store.append(command('task-acme.1')),
      store.append(command('task-acme.2')),
    ];
    while ((await written()) < 4) await new Promise((resolve) => setImmediate(resolve));
    proxy.losesAnswers = false;
    proxy.cut();
    const results = await Promise.all(appends);
    expect(results.map((result) => result.ok && result.repeated)).toEqual([true, true, true]);
    expect(await written()).toBe(4);
    // What the store learnt of the stream is right: it goes on from there.
    expect(await store.append(command('account-acme.a', 1))).toMatchObject({ ok: true, revisions: [2] });
  });

  it('an append that never arrived is sent again, and written once', async () => {
    await store.append(command('account-acme.a'));
    proxy.cut();
    const results = await Promise.all([store.append(command('account-acme.a', 0)), store.append(command('account-acme.a', 1))]).catch(
      (error: unknown) => error,
    );
    if (results instanceof EventStoreUnavailable) {
      // Told so before it was sent: then nothing was written.
      expect(await written()).toBe(1);
    } else {
      expect((results as AppendResult[]).map(({ ok }) => ok)).toEqual([true, true]);
      expect(await written()).toBe(3);
    }
  });

  it('appends are refused quickly while it is away, and go through by themselves once it is back', async () => {
    await store.close();
    store = new PostgresEventStore({ pool });
    await store.append(command('account-acme.a'));
    await proxy.stop();
    await expect(store.append(command('account-acme.a', 0))).rejects.toBeInstanceOf(EventStoreUnavailable);
    await expect(store.readStream('account-acme.a')).rejects.toBeInstanceOf(EventStoreUnavailable);
    await proxy.start();
    let result: unknown;
    await until(async () => {
      result = await store.append(command('account-acme.a', 0)).catch((error: unknown) => error);
      return !(result instanceof EventStoreUnavailable);
    });
    expect(result).toMatchObject({ ok: true, repeated: false });
    expect(await written()).toBe(2);
  });

  it('nothing acknowledged is lost and nothing is written twice, however often its connections are killed under load', async () => {
    const acknowledged = new Set<string>();
    let stopped = false;
    const killer = (async () => {
      for (let kills = 0; kills < 8; kills += 1) {
        const before = acknowledged.size;
        while (acknowledged.size < before + 40) await new Promise((resolve) => setImmediate(resolve));
        await database.pool.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%append_%' AND pid <> pg_backend_pid()",
        );
      }
      stopped = true;
    })();
    await Promise.all(
      Array.from({ length: 16 }, async (_, caller) => {
        let revision = NO_STREAM;
        const stream = `account-acme.${caller}`;
        while (!stopped) {
          const append = command(stream, revision);
          const result = await store.append(append).catch((error: unknown) => error);
          if (result instanceof EventStoreUnavailable) {
            const [head] = (await store.headsOf([stream]).catch(() => new Map<string, number>())).values();
            revision = head ?? revision;
            await new Promise((resolve) => setImmediate(resolve));
          } else if ((result as AppendResult).ok) {
            revision += 1;
            acknowledged.add(append.meta.commandId);
          } else {
            revision = (await store.headsOf([stream])).get(stream) ?? NO_STREAM;
          }
        }
      }),
    );
    await killer;
    const { rows } = await database.pool.query<{ command: string; n: string }>(
      'SELECT meta::jsonb ->> 0 AS command, count(*) AS n FROM events GROUP BY 1',
    );
    expect(rows.filter(({ n }) => n !== '1')).toEqual([]);
    const stored = new Set(rows.map(({ command: id }) => id));
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
    const holes = await database.pool.query('SELECT stream FROM events GROUP BY stream HAVING max(rev) + 1 <> count(*)');
    expect(holes.rows).toEqual([]);
  });

  it('tells listeners again once it is back', async () => {
    await store.head();
    proxy.cut();
    const heard = new Promise<string>((resolve) => store.onAppended(resolve));
    const other = new PostgresEventStore({ pool: database.pool });
    const result = await other.append(command('task-acme.1'));
    expect(await heard).toBe(result.ok && result.position);
    await other.close();
  });
});

describe('the log on PostgreSQL', () => {
  let database: TestDatabase;
  let store: PostgresEventStore;
  beforeAll(async () => {
    database = await createTestDatabase();
    store = new PostgresEventStore({ pool: database.pool });
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });

  it('records at the deployment’s clock, and never earlier than before', async () => {
    const first = await store.append(command('task-acme.1'));
    await database.pool.query('UPDATE deployment SET clock_offset_ms = 86400000');
    const moved = await store.append(command('task-acme.2'));
    await database.pool.query('UPDATE deployment SET clock_offset_ms = 0');
    const back = await store.append(command('task-acme.3'));
    const instants = [first, moved, back].map((result) => (result.ok ? result.recordedAt : NaN)) as [number, number, number];
    expect(instants[1] - instants[0]).toBeGreaterThanOrEqual(86_400_000);
    expect(instants[2]).toBe(instants[1]);
  });

  it('can be read by people', async () => {
    const append = command('task-acme.4');
    await store.append(append);
    const { rows } = await database.pool.query("SELECT * FROM events_readable WHERE stream = 'task-acme.4'");
    const [stored] = await store.readStream('task-acme.4');
    expect(rows).toEqual([
      expect.objectContaining({
        id: stored!.id,
        position: stored!.position,
        type: 'Happened',
        tenant: 'acme',
        actor: 'key_1',
        data: { stream: 'task-acme.4' },
        is_sealed: false,
      }),
    ]);
    expect((rows[0] as { recorded_at: Date }).recorded_at.getTime()).toBe(stored!.recordedAt);
  });
});
