import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import { TestEventStoreDb } from '../../../../test/eventstoredb/test-server.js';
import { describeEventStore } from '../event-store.contract.js';
import { EventStoreDbEventStore } from './eventstoredb-event-store.js';

/** A real server, where there is one; else the test server, over real gRPC. */
const realUrl = process.env['TEST_EVENTSTOREDB_URL'] ?? '';

/** Each test talks to a server in another process, on a machine that is busy with others: it is only slow, never away. */
const LIMITS = {
  appendTimeoutMs: 10_000,
  ambiguousMaxMs: 60_000,
  readTimeoutMs: 60_000,
  patienceMs: 60_000,
  subscriptionPatienceMs: 60_000,
};

let server: TestEventStoreDb | null = null;
beforeAll(async () => {
  if (realUrl === '') server = await TestEventStoreDb.start();
});
afterAll(() => server?.stop());

describeEventStore(`the event store on ${realUrl === '' ? 'the EventStoreDB test server' : 'a real EventStoreDB'}`, async () => {
  const streamPrefix = `contract_${randomUUID().replaceAll('-', '')}_`;
  const url = server?.url ?? realUrl;
  const clock = { now: () => Date.now() };
  return { open: () => new EventStoreDbEventStore({ url, streamPrefix, clock, limits: LIMITS }), drop: async () => undefined };
});
