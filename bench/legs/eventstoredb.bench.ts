// Leg k: appends through the EventStoreDB adapter beside the bare client, on one test server in a process of its own; the ratio is what counts.
import { randomUUID } from 'node:crypto';
import { EventStoreDBClient, jsonEvent, NO_STREAM as NOTHING } from '@eventstore/db-client';
import { newCommandId } from '#libs/kernel';
import { EventStoreDbEventStore, NO_STREAM } from '#libs/event-store';
import { TestEventStoreDb } from '../../test/eventstoredb/test-server.js';
import { median } from '../load.js';
import type { LegResult } from '../report.js';

const IN_FLIGHT = 64;
const AIM = 0.8;
/** About what a held reservation weighs. */
const TEXT = 'x'.repeat(600);

export async function eventStoreDbLeg({ rounds, legMs }: { rounds: number; legMs: number }): Promise<LegResult> {
  const server = await TestEventStoreDb.start();
  const client = EventStoreDBClient.connectionString(server.url);
  const clock = { now: () => Date.now() };
  const store = new EventStoreDbEventStore({ url: server.url, streamPrefix: 'bench_', clock });
  const bare = async (): Promise<void> => {
    const event = jsonEvent({ id: randomUUID(), type: 'Held', data: { text: TEXT }, metadata: { tenant: 'bench', actor: 'bench' } });
    await client.appendToStream(`bare-${newCommandId()}`, event, { expectedRevision: NOTHING });
  };
  const through = async (): Promise<void> => {
    const commandId = newCommandId();
    const meta = { commandId, tenant: 'bench', actor: 'bench', correlationId: commandId, causationId: null, requestHash: null };
    const fact = { type: 'Held', schemaVersion: 1, data: { text: TEXT } };
    const result = await store.append({
      meta,
      appends: [{ stream: `task-bench.${commandId}`, expectedRevision: NO_STREAM, facts: [fact] }],
    });
    if (!result.ok) throw new Error('a new stream was there already');
  };
  try {
    await Promise.all([rate(bare, legMs / 4), rate(through, legMs / 4)]);
    const raw: Array<{ bare: number; adapter: number; ratio: number }> = [];
    for (let round = 0; round < rounds; round += 1) {
      // Who comes first changes, so that a server that grows slower or warmer favours nobody.
      const first = round % 2 === 0 ? bare : through;
      const a = await rate(first, legMs);
      const b = await rate(first === bare ? through : bare, legMs);
      const [bareRate, adapterRate] = first === bare ? [a, b] : [b, a];
      raw.push({ bare: bareRate, adapter: adapterRate, ratio: adapterRate / bareRate });
    }
    const ratio = median(raw.map((each) => each.ratio));
    return {
      leg: 'k',
      title: `EventStoreDB: appends to new streams, ${IN_FLIGHT} in flight, on the test server`,
      figures: [
        { leg: 'k', what: 'appends through the adapter', value: median(raw.map(({ adapter }) => adapter)), unit: '/s' },
        { leg: 'k', what: 'appends through the bare client', value: median(raw.map((each) => each.bare)), unit: '/s' },
        { leg: 'k', what: 'adapter : bare client', value: ratio, unit: '×', aim: `≥ ${AIM}`, reached: ratio >= AIM },
      ],
      raw,
    };
  } finally {
    await store.close();
    await client.dispose();
    await server.stop();
  }
}

async function rate(append: () => Promise<void>, forMs: number): Promise<number> {
  const startedAt = performance.now();
  const until = startedAt + forMs;
  let done = 0;
  const work = async (): Promise<void> => {
    while (performance.now() < until) {
      await append();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return done / ((performance.now() - startedAt) / 1000);
}
