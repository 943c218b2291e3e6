import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newCommandId, refuse, type Decider, type Fact } from '#libs/kernel';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import type { CommandMeta } from '../event-store.port.js';
import { PostgresEventStore } from '../postgres/postgres-event-store.postgres.js';
import { PostgresSnapshots } from '../postgres/snapshots.postgres.js';
import type { SessionDecision } from '../sessions.port.js';
import { StreamSessions } from './stream-sessions.js';

interface Purse {
  credits: number;
  facts: number;
}
type PurseFact = Fact<'Put' | 'Taken', { credits: number }>;
let folds = 0;
const purse: Decider<Purse, PurseFact> = {
  category: 'account',
  initial: () => ({ credits: 0, facts: 0 }),
  evolve(state, { type, data }) {
    folds += 1;
    state.credits += type === 'Put' ? data.credits : -data.credits;
    state.facts += 1;
    return state;
  },
};
const codec = { version: 1, encode: (state: Purse) => ({ ...state }), decode: (json: unknown) => json as Purse };
const clock = { now: () => Date.now() };

function meta(): CommandMeta {
  return { commandId: newCommandId(), tenant: 'acme', actor: 'key_1', correlationId: 'r', causationId: null, requestHash: null };
}
function put(credits: number) {
  return (state: Purse): SessionDecision<number> => ({
    facts: [{ type: 'Put', schemaVersion: 1, data: { credits } }],
    result: () => state.credits,
  });
}
function submit(task: string) {
  return (state: Purse): SessionDecision<number> =>
    state.credits < 1
      ? refuse('insufficient_credits', 'short')
      : {
          facts: [{ type: 'Taken', schemaVersion: 1, data: { credits: 1 } }],
          companions: [{ stream: `task-acme.${task}`, expectedRevision: -1, facts: [{ type: 'Submitted', schemaVersion: 1, data: {} }] }],
          result: () => state.credits,
        };
}

describe('sessions of several processes on one PostgreSQL', () => {
  let database: TestDatabase;
  let stores: PostgresEventStore[];
  let processes: Array<StreamSessions<Purse, PurseFact>>;
  beforeAll(async () => {
    database = await createTestDatabase();
    stores = [1, 2].map(() => new PostgresEventStore({ pool: database.pool }));
    processes = stores.map((store) => {
      const snapshotPolicy = { snapshots: new PostgresSnapshots(database.pool), codec, everyFacts: 50 };
      return new StreamSessions({ store, decider: purse, clock, sessionsMax: 100, snapshotPolicy });
    });
  });
  afterAll(async () => {
    await Promise.all(processes.map((sessions) => sessions.snapshotsSettled()));
    await Promise.all(stores.map((store) => store.close()));
    await database.drop();
  });

  it('accept exactly 10 of 200 simultaneous submits against credits for 10', async () => {
    const stream = 'account-acme.hot';
    await processes[0]!.execute(stream, meta(), put(10));
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, n) => processes[n % 2]!.execute(stream, meta(), submit(`hot_${n}`))),
    );
    expect(outcomes.filter(({ kind }) => kind === 'appended')).toHaveLength(10);
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(190);
    const facts = await stores[0]!.readStream(stream);
    expect(facts.map(({ revision }) => revision)).toEqual(Array.from({ length: 11 }, (_, n) => n));
    const { rows } = await database.pool.query("SELECT count(*)::int AS n FROM events WHERE stream LIKE 'task-acme.hot%'");
    expect(rows).toEqual([{ n: 10 }]);
  });

  it('lose nothing and repeat nothing where both keep writing to the same streams', async () => {
    const streams = Array.from({ length: 10 }, (_, n) => `account-acme.shared${n}`);
    await Promise.all(streams.map((stream) => processes[0]!.execute(stream, meta(), put(1_000))));
    const outcomes = await Promise.all(
      Array.from({ length: 600 }, (_, n) => processes[n % 2]!.execute(streams[n % 10]!, meta(), submit(`shared_${n}`))),
    );
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['appended']));
    for (const stream of streams) {
      expect(await Promise.all(processes.map((sessions) => sessions.read(stream, (state) => [state.credits, state.facts])))).toEqual([
        [940, 61],
        [940, 61],
      ]);
    }
  });

  it('open a long stream from its snapshot, and rebuild the snapshots when none is left', async () => {
    const stream = 'account-acme.long';
    for (let n = 0; n < 6; n += 1) await Promise.all(Array.from({ length: 40 }, () => processes[0]!.execute(stream, meta(), put(1))));
    await processes[0]!.snapshotsSettled();
    const fresh = (): StreamSessions<Purse, PurseFact> => {
      const snapshotPolicy = { snapshots: new PostgresSnapshots(database.pool), codec, everyFacts: 50 };
      return new StreamSessions({ store: stores[1]!, decider: purse, clock, sessionsMax: 100, snapshotPolicy });
    };
    folds = 0;
    expect(await fresh().read(stream, (state, revision) => [state.credits, revision])).toEqual([240, 239]);
    expect(folds).toBeLessThan(50);
    folds = 0;
    const past = await fresh().stateAt(stream, { revision: 119 });
    expect(past).toMatchObject({ state: { credits: 120 }, revision: 119 });
    expect(await fresh().stateAt(stream, { positionMax: past.position! })).toEqual(past);
    expect(folds).toBeLessThan(100);
    await database.pool.query('DELETE FROM snapshots WHERE stream = $1', [stream]);
    const rebuilding = fresh();
    await rebuilding.read(stream, () => null);
    await rebuilding.snapshotsSettled();
    folds = 0;
    await fresh().read(stream, () => null);
    expect(folds).toBeLessThan(50);
  });
});
