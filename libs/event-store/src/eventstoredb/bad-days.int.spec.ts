// What a cluster does on a bad day, over real gRPC: every fault that the test server can be told, and what a caller notices of it.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newCommandId } from '#libs/kernel';
import type { FaultKind } from '../../../../test/eventstoredb/faults.js';
import { TestEventStoreDb } from '../../../../test/eventstoredb/test-server.js';
import { until } from '../../../../test/support/until.js';
import {
  EventStoreUnavailable,
  NO_STREAM,
  POSITION_START,
  type Appended,
  type AppendResult,
  type StoredFact,
} from '../event-store.port.js';
import { EventStoreDbEventStore, type EventStoreDbLimits } from './eventstoredb-event-store.js';

/** Each test talks to a server in another process, on a machine that is busy with others: who is to give up says when. */
const PATIENCE_MS = 120_000;
const PATIENT = { ambiguousMaxMs: PATIENCE_MS, patienceMs: PATIENCE_MS, subscriptionPatienceMs: PATIENCE_MS };
/** Gives up after one try, which is long enough for a server that answers. */
const HASTY = { appendTimeoutMs: 5_000, ambiguousMaxMs: 1 };

let server: TestEventStoreDb;
let stores: EventStoreDbEventStore[];
let store: EventStoreDbEventStore;
let streamPrefix: string;
const clock = { now: () => Date.now() };

beforeAll(async () => {
  server = await TestEventStoreDb.start({ isKept: true });
});
afterAll(() => server.stop());
beforeEach(async () => {
  streamPrefix = `bad_${randomUUID().replaceAll('-', '')}_`;
  stores = [];
  store = open({ appendTimeoutMs: 300 });
  // Warm, so that a fault meets the append that it is meant for.
  await write('task-acme.warm', NO_STREAM);
});
afterEach(async () => {
  await server.noFaults();
  await Promise.all(stores.map((each) => each.close()));
});

function open(limits: Partial<EventStoreDbLimits> = {}): EventStoreDbEventStore {
  const opened = new EventStoreDbEventStore({ url: server.url, streamPrefix, clock, limits: { ...PATIENT, ...limits } });
  stores.push(opened);
  return opened;
}
function write(stream: string, expectedRevision: number, via = store, extra: { keyDigest?: Buffer } = {}): Promise<AppendResult> {
  const commandId = newCommandId();
  const meta = { commandId, tenant: 'acme', actor: 'key_1', correlationId: 'req_1', causationId: null, requestHash: null, ...extra };
  return via.append({
    meta,
    appends: [{ stream, expectedRevision, facts: [{ type: 'Happened', schemaVersion: 1, data: { commandId } }] }],
  });
}
async function take(from: AsyncIterable<{ facts: StoredFact[] }>, count: number): Promise<string[]> {
  const streams: string[] = [];
  for await (const { facts } of from) {
    streams.push(...facts.map(({ stream }) => stream));
    if (streams.length >= count) break;
  }
  return streams;
}

describe('an append', () => {
  it.each<FaultKind>([
    'append-not-leader',
    'append-unavailable-before',
    'append-unavailable-after',
    'append-unknown-after',
    'append-cancelled-after',
    'append-aborted-after',
    'append-silent-before',
    'append-silent-after',
    'append-no-position',
  ])('that meets %s stands once, and its caller hears where', async (kind) => {
    await server.fault({ kind, stream: 'task-acme.t' });
    const result = (await write('task-acme.t', NO_STREAM)) as Appended;
    expect(result).toMatchObject({ ok: true, revisions: [0], repeated: false });
    const facts = await open().readStream('task-acme.t');
    expect(facts.map(({ position, recordedAt }) => [position, recordedAt])).toEqual([[result.position, result.recordedAt]]);
    expect((await server.report()).faults[kind]).toBeGreaterThan(0);
  });

  it('is sent again as it was, and what waits behind it waits with it', async () => {
    await write('account-acme.a', NO_STREAM);
    await server.fault({ kind: 'append-unavailable-after', stream: 'account-acme.a', times: 3 });
    const results = await Promise.all([0, 1, 2, 3].map((revision) => write('account-acme.a', revision)));
    expect(results.map(({ ok }) => ok)).toEqual([true, true, true, true]);
    const positions = (results as Appended[]).map(({ position }) => position);
    expect((await store.readStream('account-acme.a')).slice(1).map(({ position }) => position)).toEqual(positions);
  });

  it('whose answer never comes is given up in time, and everything behind it', async () => {
    const hasty = open(HASTY);
    await server.fault({ kind: 'append-silent-before', stream: 'task-acme.t', times: 100 });
    const results = await Promise.allSettled([write('task-acme.t', NO_STREAM, hasty), write('task-acme.t', 0, hasty)]);
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: expect.any(EventStoreUnavailable) });
    await server.noFaults();
    expect(await write('task-acme.t', NO_STREAM, hasty)).toMatchObject({ ok: true });
  });

  it('of one key lands once, though every answer of the first try was lost', async () => {
    const keyDigest = Buffer.alloc(32, 7);
    const hasty = open(HASTY);
    await write('account-acme.k', NO_STREAM);
    await server.fault({ kind: 'append-silent-after', stream: 'account-acme.k', times: 100 });
    await expect(write('account-acme.k', 0, hasty, { keyDigest })).rejects.toThrow(EventStoreUnavailable);
    await server.noFaults();
    // Somebody else wrote meanwhile; the same key comes again elsewhere, and decides on what it sees.
    await write('account-acme.k', 1);
    expect(await write('account-acme.k', 2, open(), { keyDigest })).toEqual({ ok: false, conflict: 'key', stream: null });
    const found = await open().findByKeyDigests([keyDigest]);
    expect(found.get(keyDigest.toString('hex'))).toMatchObject({ stream: 'account-acme.k', revision: 1 });
  });

  it('of one key races over two processes, and one of them wins', async () => {
    const keyDigest = Buffer.alloc(32, 8);
    await write('account-acme.r', NO_STREAM);
    const results = await Promise.all([
      write('account-acme.r', 0, store, { keyDigest }),
      write('account-acme.r', 0, open(), { keyDigest }),
    ]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await write('account-acme.r', 1, open(), { keyDigest })).toEqual({ ok: false, conflict: 'key', stream: null });
    expect(await store.readStream('account-acme.r')).toHaveLength(2);
  });
});

describe('a read', () => {
  it.each<FaultKind>(['read-unavailable', 'read-silent'])('that meets %s is made again', async (kind) => {
    const reader = open({ readTimeoutMs: 500 });
    await write('task-acme.t', NO_STREAM);
    await server.fault({ kind, stream: 'task-acme.t' });
    expect(await reader.readStream('task-acme.t')).toHaveLength(1);
  });

  it('of a server that is away for long says so', async () => {
    const reader = open({ patienceMs: 100 });
    await server.fault({ kind: 'read-unavailable', times: 100 });
    await expect(reader.readStream('task-acme.t')).rejects.toThrow(EventStoreUnavailable);
  });
});

describe('a subscription', () => {
  const names = Array.from({ length: 6 }, (_, n) => `task-acme.${n}`);
  const writeAll = async (): Promise<void> => {
    for (const name of names) await write(name, NO_STREAM);
  };
  const follow = (aborter: AbortController): AsyncIterable<{ facts: StoredFact[] }> =>
    open({ idleLookMs: 50 }).subscribe({ after: POSITION_START, signal: aborter.signal, batchSizeMax: 2 });

  it('that is dropped in the middle of a batch goes on behind the last fact that was handed over', async () => {
    await writeAll();
    for (const after of [0, 1, 3]) await server.fault({ kind: 'subscription-dropped', after });
    expect(await take(follow(new AbortController()), 7)).toEqual(['task-acme.warm', ...names]);
  });

  it('hands over once what the server repeats at the seam', async () => {
    await writeAll();
    await server.fault({ kind: 'subscription-dropped', after: 3 });
    await server.fault({ kind: 'subscription-repeats', times: 5 });
    expect(await take(follow(new AbortController()), 7)).toEqual(['task-acme.warm', ...names]);
  });

  it('that is confirmed and then silent is found out', async () => {
    await server.fault({ kind: 'subscription-silent', times: 2 });
    const taking = take(follow(new AbortController()), 7);
    await writeAll();
    expect(await taking).toEqual(['task-acme.warm', ...names]);
  });

  it('waits for a slow reader, and loses nothing for it', async () => {
    const many = Array.from({ length: 400 }, (_, n) => `task-acme.m${n}`);
    const patient = open({ appendTimeoutMs: 5_000 });
    await Promise.all(many.map((name) => write(name, NO_STREAM, patient)));
    const seen: string[] = [];
    for await (const { facts } of follow(new AbortController())) {
      seen.push(...facts.map(({ stream }) => stream));
      if (seen.length > many.length) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set(seen)).toEqual(new Set(['task-acme.warm', ...many]));
    expect(seen).toHaveLength(many.length + 1);
  });

  it('outlives a server that is killed and started again, as appends do', async () => {
    const patient = open({ appendTimeoutMs: 1_000 });
    const aborter = new AbortController();
    const heard: string[] = [];
    const following = (async () => {
      for await (const { facts } of patient.subscribe({ after: POSITION_START, signal: aborter.signal }))
        heard.push(...facts.map(({ stream }) => stream));
    })();
    await until(() => heard.length === 1);
    const before = names.map((name) => write(name, NO_STREAM, patient));
    await server.kill();
    const during = names.map((name) => write(`${name}x`, NO_STREAM, patient));
    await server.run();
    const results = await Promise.all([...before, ...during]);
    expect(results.every(({ ok }) => ok)).toBe(true);
    await until(() => heard.length === 13);
    expect(new Set(heard).size).toBe(13);
    aborter.abort();
    await following;
  });
});
