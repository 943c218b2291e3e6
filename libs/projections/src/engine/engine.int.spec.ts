import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { MemoryEventStore } from '#libs/event-store';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';
import { balanceByAccount } from '../balance-by-account/project.js';
import { movements } from '../movements/project.js';
import { READ_MODEL_LIST } from '../read-models.js';
import { Harness } from '../testing/harness.js';
import { ManualClock, START, World } from '../testing/world.js';
import { BatchWriter, FencedOut } from './batch-writer.postgres.js';
import type { Projection, ReadModel } from './read-model.port.js';
import { ProjectionRegistry } from './registry.postgres.js';

const WHO = { tenant: 't1', accounts: null };

let database: TestDatabase;
let clock: ManualClock;
let store: MemoryEventStore;
let world: World;
const started: Harness[] = [];

/** The database is made anew for every test: a projection's whole state is in it. */
beforeEach(async () => {
  database = await createTestDatabase();
  clock = new ManualClock(START);
  store = new MemoryEventStore(clock);
  world = new World(store, clock);
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((harness) => harness.engine.stop()));
  await database.drop();
});

function start(options: ConstructorParameters<typeof Harness>[3] = {}): Harness {
  const harness = new Harness(store, database.pool, clock, options);
  started.push(harness);
  harness.engine.start();
  return harness;
}

async function lives(count: number, accounts = 3): Promise<void> {
  for (let index = 0; index < accounts; index += 1) {
    if (!world.accounts.has(`acc_${index}`)) await world.open(`acc_${index}`);
  }
  for (let index = 0; index < count; index += 1) {
    const taskId = await world.submit(`acc_${index % accounts}`, { credits: 7 });
    if (index % 3 !== 0) await world.run(taskId, '0.5');
  }
}

/** Every projected row, as text that two databases can be compared by. */
async function dump(pool = database.pool): Promise<string> {
  const parts: string[] = [];
  for (const relation of ['balance_account', 'balance_grant', 'balance_total', 'task', 'task_total', 'movement']) {
    const { rows } = await pool.query<{ row: string }>(`SELECT r::text AS row FROM ${relation} AS r ORDER BY r::text`);
    parts.push(relation, ...rows.map(({ row }) => row));
  }
  return parts.join('\n');
}

/** A read model of the shape of movements that refuses one fact for as long as it is told to. */
function refusing(model: ReadModel, refuses: () => string | null): ReadModel {
  return {
    ...model,
    open: (version): Projection => {
      const projection = model.open(version);
      return {
        load: (facts, read) => projection.load(facts, read),
        fold(facts) {
          if (facts.some((fact) => fact.id === refuses())) throw new Error('this fact makes no sense');
          projection.fold(facts);
        },
        write: (to) => projection.write(to),
        committed: () => projection.committed(),
        aborted: () => projection.aborted(),
      };
    },
  };
}

describe('the projection engine', () => {
  it('writes the same rows whether facts come one at a time or all at once', async () => {
    const harness = start({ engine: { batchSizeMax: 1 } });
    await lives(12);
    await harness.caughtUp();
    const oneByOne = await dump();
    const other = await createTestDatabase();
    const whole = new Harness(store, other.pool, clock);
    whole.engine.start();
    await whole.caughtUp();
    await whole.engine.stop();
    expect(await dump(other.pool)).toBe(oneByOne);
    await other.drop();
  });

  it('goes on where it stood after a restart, and applies nothing twice', async () => {
    const first = start();
    await lives(5);
    await first.caughtUp();
    await first.engine.stop();
    await lives(5);
    const second = start();
    await second.caughtUp();
    expect(second.errors).toEqual([]);
    const { tasksByStatus } = await second.reads.totals();
    expect(tasksByStatus.completed).toBe([...world.tasks.values()].filter(({ state }) => state.status === 'completed').length);
    const held = [...world.accounts.values()].reduce((sum, { state }) => sum + state.held, 0);
    expect((await second.reads.totals()).creditsHeld).toBe(held);
  });

  it('is led by one of several processes, and taken over when that one ends', async () => {
    const harnesses = [start(), start()];
    await lives(10);
    await Promise.all(harnesses.map((harness) => harness.caughtUp()));
    await until(() => harnesses.some((harness) => harness.engine.leads()));
    expect(harnesses.filter((harness) => harness.engine.leads())).toHaveLength(1);
    const leader = harnesses.find((harness) => harness.engine.leads()) as Harness;
    const other = harnesses.find((harness) => harness !== leader) as Harness;
    await leader.engine.stop();
    await lives(5);
    await other.caughtUp();
    await until(() => other.engine.leads());
    expect(other.errors).toEqual([]);
  });

  it('fences out an owner that was paused while another took over: its whole batch is rolled back', async () => {
    const registry = new ProjectionRegistry(database.pool);
    await registry.ensure(READ_MODEL_LIST);
    await database.pool.query(`INSERT INTO leases VALUES ('projector', 'new owner', 2, now() + interval '1 minute')`);
    const [row] = await registry.versions();
    const writer = await BatchWriter.connect(database.pool);
    const rows = { name: 'spec_held', text: 'UPDATE balance_total SET held = held + $1', values: [5] };
    const advance = { versions: [row as { name: string; version: number }], from: row?.position as string, lease: 'projector' };
    const to = '0000000000000009';
    await expect(writer.write([rows], { ...advance, to, token: '1' })).rejects.toThrow(FencedOut);
    expect((await database.pool.query('SELECT held FROM balance_total')).rows).toEqual([{ held: '0' }]);
    // The connection still serves, and the true owner's batch counts once: the second of the same pair meets a checkpoint that has moved.
    await writer.write([rows], { ...advance, to, token: '2' });
    await expect(writer.write([rows], { ...advance, to, token: '2' })).rejects.toThrow(FencedOut);
    expect((await database.pool.query('SELECT held FROM balance_total')).rows).toEqual([{ held: '5' }]);
    await writer.close();
  });

  it('never counts a batch twice when engines race for it again and again', async () => {
    await lives(24);
    const harnesses = [0, 1, 2].map(() => start({ engine: { batchSizeMax: 10, leaseTtlMs: 300 } }));
    const head = await store.head();
    let robbed = 0;
    // Whoever leads is robbed of the lease after each batch, as if it had been paused for longer than a lease lives, and carries on unaware.
    for (let last = ''; last < head;) {
      const position = await (harnesses[0] as Harness).reads.position();
      if (position > last) {
        last = position;
        robbed += (await database.pool.query('UPDATE leases SET expires_at = now(), token = token + 1')).rowCount ?? 0;
      }
    }
    expect(robbed).toBeGreaterThan(2);
    const raced = await dump();
    await Promise.all(started.splice(0).map((harness) => harness.engine.stop()));
    const other = await createTestDatabase();
    const alone = new Harness(store, other.pool, clock);
    alone.engine.start();
    await alone.caughtUp();
    await alone.engine.stop();
    expect(raced).toBe(await dump(other.pool));
    await other.drop();
  });
});

describe('a fact that cannot be applied', () => {
  it('stops that read model at it, says which and why, and nothing else stops; a restart tries again', async () => {
    let poison: string | null = null;
    const models = [balanceByAccount, refusing(movements, () => poison)];
    await lives(4);
    const bad = (await store.readStream('account-t1.acc_0')).find((fact) => fact.type === 'CreditsReserved');
    poison = bad?.id ?? null;
    const first = start({ models });
    await until(() => first.errors.length > 0);
    await until(async () => (await first.reads.status()).some(({ name, lagMs }) => name === 'balance-by-account' && lagMs === 0));
    const [balances, stopped] = await first.reads.status();
    expect(balances).toMatchObject({ name: 'balance-by-account', failure: null, position: await store.head() });
    expect(stopped).toMatchObject({
      name: 'movements',
      failure: { position: bad?.position, eventId: bad?.id, error: 'this fact makes no sense' },
    });
    expect((stopped?.position ?? '') < (bad?.position ?? '')).toBe(true);
    // Everything before it is there, nothing after it is.
    const { rows } = await database.pool.query<{ last: string }>('SELECT max(position) AS last FROM movement');
    expect((rows[0]?.last ?? '') < (bad?.position ?? '')).toBe(true);
    expect(first.errors.map((error) => error.message)).toEqual([expect.stringContaining('this fact makes no sense')]);
    // Others still follow the log.
    await world.open('acc_after');
    await until(async () => (await first.reads.account(WHO, 'acc_after')) !== null);
    await first.engine.stop();
    poison = null;
    const second = start({ models });
    await second.caughtUp();
    expect((await second.reads.status()).map(({ failure }) => failure)).toEqual([null, null]);
  });

  it('is one that breaks a constraint of the tables, too', async () => {
    await lives(2);
    const harness = start();
    await harness.caughtUp();
    await database.pool.query(`UPDATE balance_grant SET consumed = consumed + 1, credits = credits + 1 WHERE stream = 'account-t1.acc_1'`);
    await database.pool.query(`DELETE FROM balance_grant WHERE stream = 'account-t1.acc_0'`);
    await lives(3);
    await until(async () => (await harness.reads.status()).some(({ failure }) => failure !== null));
    const failed = (await harness.reads.status()).filter(({ failure }) => failure !== null);
    expect(failed).toMatchObject([
      { name: 'balance-by-account', failure: { error: '1 rows of balance_grant were expected, 0 are there' } },
    ]);
  });

  it('is not what a broken connection is: the engine tries again until it has caught up', async () => {
    // The engine's connections are its own: what is cut off is only what must come back by itself.
    const pool = new pg.Pool({ connectionString: database.url, application_name: 'cut-off-engine', max: 10 });
    pool.on('error', () => undefined);
    const engines = new Harness(store, pool, clock);
    const reader = new Harness(store, database.pool, clock);
    engines.engine.start();
    try {
      await lives(2);
      await reader.caughtUp();
      const cut = await database.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'cut-off-engine'`,
      );
      expect(cut.rowCount).toBeGreaterThan(0);
      await lives(4);
      await reader.caughtUp();
      expect((await reader.reads.status()).every(({ failure }) => failure === null)).toBe(true);
    } finally {
      await engines.engine.stop();
      await pool.end();
    }
  });
});

describe('a new version', () => {
  it('is built beside the old one, switched in with equal rows, and the old one is kept until it is dropped', async () => {
    const harness = start({ engine: { batchSizeMax: 5 } });
    await lives(6);
    await harness.caughtUp();
    const before = await dump();
    const built = [];
    for (const { name } of READ_MODEL_LIST) built.push(await harness.engine.buildVersion(name));
    expect(built).toEqual(READ_MODEL_LIST.map(() => 2));
    await until(async () =>
      (await harness.engine.registry.versions()).every(({ version, state }) => (version === 2) === (state === 'active')),
    );
    expect(await dump()).toBe(before);
    await lives(4);
    await harness.caughtUp();
    expect(await dump()).not.toBe(before);
    expect((await database.pool.query('SELECT 1 FROM task_v1')).rowCount).toBeGreaterThan(0);
    expect(await harness.engine.dropVersion('task-status', 1)).toBe(true);
    await expect(database.pool.query('SELECT 1 FROM task_v1')).rejects.toThrow('does not exist');
    expect(await harness.engine.dropVersion('task-status', 2)).toBe(false);
    expect(harness.errors).toEqual([]);
  });

  it('is dropped while a batch is on its way into it: neither waits for the other, and the batch comes to nothing', async () => {
    const registry = new ProjectionRegistry(database.pool);
    await registry.ensure([movements]);
    const version = await registry.build(movements, false);
    await database.pool.query(`INSERT INTO leases VALUES ('projector', 'engine', 1, now() + interval '1 minute')`);
    const batch = await database.pool.connect();
    try {
      await batch.query('BEGIN');
      // As the rows of a batch do; its checkpoint comes last.
      await batch.query(`LOCK TABLE movement_v${version} IN ROW EXCLUSIVE MODE`);
      const dropping = registry.drop(movements, version);
      await until(
        async () =>
          (await database.pool.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`))
            .rowCount === 1,
      );
      const [{ position } = { position: '' }] = (await registry.versions()).filter((row) => row.version === 1);
      const advanced = batch.query('SELECT projection_advance($1, $2, $3, $4, $5, $6)', [
        ...[['movements'], [version], position, '0000000000000009', 'projector', '1'],
      ]);
      await expect(advanced).rejects.toMatchObject({ code: 'RC002' });
      await batch.query('ROLLBACK');
      expect(await dropping).toBe(true);
    } finally {
      batch.release(true);
    }
    expect((await registry.versions()).map((row) => row.version)).toEqual([1]);
    await expect(database.pool.query(`TABLE movement_v${version}`)).rejects.toThrow('does not exist');
  });

  it('shows readers no older state when it takes over, however many facts come in meanwhile', async () => {
    const harness = start({ engine: { batchSizeMax: 4 } });
    await lives(10);
    await harness.caughtUp();
    let last = -1;
    let fell = 0;
    const watched = new AbortController();
    const watching = (async () => {
      while (!watched.signal.aborted) {
        const { rows } = await database.pool.query<{ count: number }>('SELECT count(*)::int AS count FROM movement');
        const count = rows[0]?.count ?? 0;
        if (count < last) fell += 1;
        last = count;
      }
    })();
    await harness.engine.buildVersion('movements');
    const switched = until(async () =>
      (await harness.engine.registry.versions()).some(({ version, state }) => version === 2 && state === 'active'),
    );
    await lives(30);
    await switched;
    watched.abort();
    await watching;
    expect(fell).toBe(0);
  });

  it('waits to be compared when it is told not to switch', async () => {
    await lives(3);
    const harness = start();
    await harness.engine.buildVersion('movements', { switchWhenLevel: false });
    await harness.caughtUp();
    const head = await store.head();
    await until(async () =>
      (await harness.engine.registry.versions()).some(({ state, position }) => state === 'building' && position === head),
    );
    expect((await harness.engine.registry.versions()).find(({ name, state }) => name === 'movements' && state === 'active')?.version).toBe(
      1,
    );
    const { rows } = await database.pool.query(
      'SELECT count(*)::int AS differences FROM (TABLE movement_v1 EXCEPT TABLE movement_v2) AS d',
    );
    expect(rows).toEqual([{ differences: 0 }]);
  });

  it('is begun when the code moves on, and takes over once it has read the whole log', async () => {
    const old = start({ models: [movements] });
    await lives(3);
    await old.caughtUp();
    await old.engine.stop();
    const newer: ReadModel = {
      ...movements,
      codeVersion: movements.codeVersion + 1,
      tableSql: movements.tableSql.replace('reason text,', 'reason text, note text,'),
    };
    const harness = start({ models: [newer] });
    await until(async () =>
      (await harness.engine.registry.versions()).some(({ codeVersion, state }) => codeVersion === newer.codeVersion && state === 'active'),
    );
    await lives(2);
    await harness.caughtUp();
    const { rows } = await database.pool.query<{ count: number }>('SELECT count(note)::int AS notes, count(*)::int AS count FROM movement');
    expect(rows[0]?.count).toBeGreaterThan(0);
  });
});

describe('waiting for a position', () => {
  it('ends as soon as it is applied, also in a process that projects nothing itself, and gives up in time', async () => {
    const projecting = start();
    const reading = new Harness(store, database.pool, clock);
    await world.open('acc_0');
    await projecting.caughtUp();
    const next = await world.submit('acc_0', { credits: 7 });
    const head = await store.head();
    expect(await Promise.all([projecting.reads.waitFor(head, 60_000), reading.reads.waitFor(head, 60_000)])).toEqual([true, true]);
    expect(await reading.reads.task(WHO, next)).toMatchObject({ id: next, status: 'pending' });
    expect(await reading.reads.waitFor('9999999999999999', 20)).toBe(false);
  });
});
