import { describe, expect, it } from '@jest/globals';
import { newCommandId, refuse, type Decider, type Fact } from '#libs/kernel';
import { EventStoreUnavailable, type CommandMeta, type NewFact } from '../event-store.port.js';
import { MemoryEventStore, MemoryLog } from '../memory/memory-event-store.js';
import { SessionsOverloaded, type SessionDecision } from '../sessions.port.js';
import { createMemorySessions } from './stream-sessions.js';

interface Purse {
  credits: number;
  facts: number;
}
type PurseFact = Fact<'Put' | 'Taken', { credits: number }>;

const purse: Decider<Purse, PurseFact> = {
  category: 'account',
  initial: () => ({ credits: 0, facts: 0 }),
  evolve(state, { type, data }) {
    state.credits += type === 'Put' ? data.credits : -data.credits;
    state.facts += 1;
    return state;
  },
};
const codec = { version: 1, encode: (state: Purse) => ({ ...state }), decode: (json: unknown) => json as Purse };

let nowMs = 1_000;
const clock = { now: () => nowMs };
const STREAM = 'account-acme.a';

function meta(overrides: Partial<CommandMeta> = {}): CommandMeta {
  return {
    commandId: newCommandId(),
    tenant: 'acme',
    actor: 'key_1',
    correlationId: 'r',
    causationId: null,
    requestHash: null,
    ...overrides,
  };
}
function fact(type: PurseFact['type'], credits: number): NewFact {
  return { type, schemaVersion: 1, data: { credits } };
}
function put(credits: number) {
  return (state: Purse): SessionDecision<number> => ({ facts: [fact('Put', credits)], result: () => state.credits });
}
function take(credits: number) {
  return (state: Purse): SessionDecision<number> =>
    state.credits < credits
      ? refuse('insufficient_credits', 'short', { available: state.credits })
      : { facts: [fact('Taken', credits)], result: () => state.credits };
}
function twoProcesses(options: { attemptsMax?: number } = {}) {
  const log = new MemoryLog();
  const stores = [new MemoryEventStore(clock, log), new MemoryEventStore(clock, log)] as const;
  const [first, second] = stores.map((store) => createMemorySessions({ decider: purse, clock, store, ...options }));
  return { log, stores, first: first!, second: second! };
}

describe('sessions', () => {
  it('answer with the state after the facts, the place of the append and its instant', async () => {
    const sessions = createMemorySessions({ decider: purse, clock });
    await sessions.execute(STREAM, meta(), put(5));
    const outcome = await sessions.execute(STREAM, meta(), take(2));
    expect(outcome).toEqual({
      kind: 'appended',
      result: 3,
      revision: 1,
      firstPosition: '0000000000000002',
      position: '0000000000000002',
      recordedAt: 1_000,
      repeated: false,
    });
  });

  it('never overspend, however many commands come at once', async () => {
    const sessions = createMemorySessions({ decider: purse, clock });
    await sessions.execute(STREAM, meta(), put(10));
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => sessions.execute(STREAM, meta(), take(1))));
    expect(outcomes.filter(({ kind }) => kind === 'appended')).toHaveLength(10);
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(190);
    expect(await sessions.read(STREAM, ({ credits }) => credits)).toBe(0);
  });

  it('never overspend between two processes, and the log replays to the same state', async () => {
    const { first, second, stores } = twoProcesses();
    await first.execute(STREAM, meta(), put(10));
    const commands = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? first : second).execute(STREAM, meta(), take(1)));
    const outcomes = await Promise.all(commands);
    expect(outcomes.filter(({ kind }) => kind === 'appended')).toHaveLength(10);
    const facts = await stores[0].readStream(STREAM);
    expect(facts.map(({ revision }) => revision)).toEqual(Array.from({ length: 11 }, (_, index) => index));
    expect(await second.read(STREAM, ({ credits, facts: count }) => [credits, count])).toEqual([0, 11]);
  });

  it('refuse only on the head: what another process wrote since is seen first', async () => {
    const { first, second } = twoProcesses();
    await first.execute(STREAM, meta(), take(1));
    await second.execute(STREAM, meta(), put(1));
    const outcome = await first.execute(STREAM, meta(), take(1));
    expect(outcome).toMatchObject({ kind: 'appended', revision: 1 });
  });

  it('read the head, not the cache', async () => {
    const { first, second } = twoProcesses();
    expect(await first.read(STREAM, (state, revision) => [state.credits, revision])).toEqual([0, -1]);
    await second.execute(STREAM, meta(), put(7));
    expect(await first.read(STREAM, (state, revision) => [state.credits, revision])).toEqual([7, 0]);
  });

  it('answer `unchanged` with the revision it was judged at', async () => {
    const { first, second } = twoProcesses();
    await first.execute(STREAM, meta(), put(1));
    await second.execute(STREAM, meta(), put(1));
    const outcome = await first.execute(STREAM, meta(), (state) => ({ unchanged: true, result: state.credits }));
    expect(outcome).toEqual({ kind: 'unchanged', result: 2, revision: 1 });
  });

  it('leave no trace of a command whose key or companion met a conflict', async () => {
    const { first, stores } = twoProcesses();
    const keyDigest = Buffer.alloc(32, 7);
    await stores[1].append({
      meta: meta({ keyDigest }),
      appends: [{ stream: 'task-acme.t', expectedRevision: -1, facts: [fact('Put', 1)] }],
    });
    await first.execute(STREAM, meta(), put(5));
    const companions = [{ stream: 'task-acme.t', expectedRevision: -1, facts: [fact('Put', 1)] }];
    const [keyed, companion, after] = await Promise.all([
      first.execute(STREAM, meta({ keyDigest }), take(5)),
      first.execute(STREAM, meta(), () => ({ facts: [fact('Taken', 5)], companions, result: () => null })),
      first.execute(STREAM, meta(), take(5)),
    ]);
    expect([keyed.kind, companion.kind, after.kind]).toEqual(['key_conflict', 'companion_conflict', 'appended']);
    expect(await first.read(STREAM, ({ credits }) => credits)).toBe(0);
  });

  it('fold nothing and go on after a decision that throws', async () => {
    const sessions = createMemorySessions({ decider: purse, clock });
    await sessions.execute(STREAM, meta(), put(5));
    const broken = sessions.execute(STREAM, meta(), () => {
      throw new Error('broken rule');
    });
    const after = sessions.execute(STREAM, meta(), take(5));
    await expect(broken).rejects.toThrow('broken rule');
    expect(await after).toMatchObject({ kind: 'appended', result: 0 });
  });

  it('reload after a fold that throws half-way', async () => {
    const sessions = createMemorySessions({ decider: purse, clock });
    await sessions.execute(STREAM, meta(), put(5));
    const broken = sessions.execute(STREAM, meta(), () => ({
      facts: [fact('Taken', 5)],
      result: () => {
        throw new Error('no answer');
      },
    }));
    const after = sessions.execute(STREAM, meta(), take(5));
    await expect(broken).rejects.toThrow('no answer');
    expect(await after).toMatchObject({ kind: 'appended', result: 0, revision: 1 });
  });

  it('never decide before the last instant that the log has recorded', async () => {
    const { first, second } = twoProcesses();
    nowMs = 5_000;
    await second.execute(STREAM, meta(), put(1));
    nowMs = 2_000;
    const seen = await first.read(STREAM, (_state, _revision, at) => at);
    nowMs = 1_000;
    expect(seen).toBe(5_000);
  });

  it('shed load once the mailbox is full, and answer the rest', async () => {
    const store = new MemoryEventStore(clock);
    const { StreamSessions } = await import('./stream-sessions.js');
    const sessions = new StreamSessions({ store, decider: purse, clock, sessionsMax: 10, mailboxMax: 3 });
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => sessions.execute(STREAM, meta(), put(1))));
    const shed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(shed).toHaveLength(2);
    expect(shed.every(({ reason }) => reason instanceof SessionsOverloaded)).toBe(true);
  });

  it('give up after the attempts allowed instead of trying for ever', async () => {
    const store = new MemoryEventStore(clock);
    const alwaysStale = Object.create(store, {
      submit: {
        value: (command: { appends: Array<{ stream: string }> }, settled: (outcome: unknown) => void) =>
          queueMicrotask(() => settled({ ok: false, conflict: 'revision', stream: command.appends[0]!.stream })),
      },
    }) as MemoryEventStore;
    const { StreamSessions } = await import('./stream-sessions.js');
    let conflicts = 0;
    const sessions = new StreamSessions({
      store: alwaysStale,
      decider: purse,
      clock,
      sessionsMax: 10,
      attemptsMax: 3,
      onConflict: () => (conflicts += 1),
    });
    await expect(sessions.execute(STREAM, meta(), put(1))).rejects.toBeInstanceOf(EventStoreUnavailable);
    expect(conflicts).toBe(3);
  });

  it('keep a bounded number of states, the least recently used leaving, and lose nothing by it', async () => {
    const store = new MemoryEventStore(clock);
    const sessions = createMemorySessions({ decider: purse, clock, store, sessionsMax: 5 });
    for (let round = 1; round <= 3; round += 1) {
      for (let index = 0; index < 20; index += 1) {
        const outcome = await sessions.execute(`account-acme.${index}`, meta(), put(1));
        expect(outcome).toMatchObject({ kind: 'appended', result: round });
        expect(sessions.size).toBeLessThanOrEqual(5);
      }
    }
  });

  it('open from a snapshot and its tail, and look into the past from the nearest older one', async () => {
    const store = new MemoryEventStore(clock);
    let folds = 0;
    const counting: Decider<Purse, PurseFact> = { ...purse, evolve: (state, stored) => ((folds += 1), purse.evolve(state, stored)) };
    const options = { decider: counting, clock, store, codec, snapshotEveryFacts: 10, sessionsMax: 1 };
    const sessions = createMemorySessions(options);
    for (let index = 0; index < 95; index += 1) await sessions.execute(STREAM, meta(), put(1));
    await sessions.snapshotsSettled();
    await sessions.execute('account-acme.other', meta(), put(1));
    folds = 0;
    expect(await sessions.read(STREAM, ({ credits, facts }) => [credits, facts])).toEqual([95, 95]);
    expect(folds).toBeLessThan(10);
    folds = 0;
    const past = await sessions.stateAt(STREAM, { revision: 44 });
    expect(past).toMatchObject({ state: { credits: 45, facts: 45 }, revision: 44, position: '0000000000000045' });
    expect(folds).toBeLessThan(10);
    expect((await sessions.stateAt(STREAM, { positionMax: '0000000000000007' })).state.credits).toBe(7);
    expect(await sessions.stateAt('account-acme.none', { revision: 3 })).toEqual({
      state: { credits: 0, facts: 0 },
      revision: -1,
      position: null,
      recordedAt: null,
    });
  });

  it('write a heavy state out less often: at the earliest after as many facts as it has parts', async () => {
    const store = new MemoryEventStore(clock);
    let encoded = 0;
    const heavy = { ...codec, encode: (state: Purse) => ((encoded += 1), codec.encode(state)), weight: () => 50 };
    const sessions = createMemorySessions({ decider: purse, clock, store, codec: heavy, snapshotEveryFacts: 10, sessionsMax: 1 });
    for (let index = 0; index < 100; index += 1) await sessions.execute(STREAM, meta(), put(1));
    expect(encoded).toBe(2);
  });

  it('read the past by instant, inclusive', async () => {
    const sessions = createMemorySessions({ decider: purse, clock });
    for (const instant of [10_000, 20_000, 30_000]) {
      nowMs = instant;
      await sessions.execute(STREAM, meta(), put(1));
    }
    const revisions = await Promise.all(
      [9_999, 10_000, 29_999, 30_000].map(async (recordedAtMax) => (await sessions.stateAt(STREAM, { recordedAtMax })).revision),
    );
    nowMs = 1_000;
    expect(revisions).toEqual([-1, 0, 1, 2]);
  });

  it('let go of a stream that is done with, never in the middle of a command, and lose nothing by it', async () => {
    const store = new MemoryEventStore(clock);
    const sessions = createMemorySessions({ decider: purse, clock, store });
    const underWay = sessions.execute(STREAM, meta(), put(2));
    sessions.release(STREAM);
    const next = sessions.execute(STREAM, meta(), take(1));
    expect([(await underWay).kind, (await next).kind]).toEqual(['appended', 'appended']);
    sessions.release(STREAM);
    sessions.release('account-acme.never-seen');
    expect(sessions.size).toBe(0);
    expect(await sessions.read(STREAM, ({ credits, facts }) => [credits, facts])).toEqual([1, 2]);
  });

  it('take facts just read instead of loading, and ignore those they know better', async () => {
    const { first, second, stores } = twoProcesses();
    await first.execute(STREAM, meta(), put(3));
    const facts = await stores[0].readStream(STREAM);
    second.prime(STREAM, facts);
    second.prime(STREAM, facts);
    const outcome = await second.execute(STREAM, meta(), take(3));
    expect(outcome).toMatchObject({ kind: 'appended', result: 0, revision: 1 });
  });
});
