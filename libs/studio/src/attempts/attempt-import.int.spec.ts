import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable, MemoryEventStore, NO_STREAM, POSITION_START, PostgresEventStore, type EventStore } from '#libs/event-store';
import { newCommandId } from '#libs/kernel';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { AttemptImport, REJECTED_ATTEMPTS_SHOWN_MAX, type AttemptImportView } from './attempt-import.js';

const PILOT = join(import.meta.dirname, '..', '..', '..', '..', 'demo', 'data', 'pilot-50.jsonl');
const clock = { now: (): number => Date.parse('2026-06-01T00:00:00Z') };

const LINE = {
  ...{ id: 'gen_1', brief_id: 'bf', prompt_id: 'pr', prompt_version: 'v1', model: 'm', duration_seconds: 6, credits_used: 42 },
  ...{ generation_cost_usd: 0.84, asset_url: null, status: 'rejected', rejection_reason: 'too_generic', review_minutes: 3 },
  ...{ editing_minutes: 0, published: false, created_at: '2026-05-21T12:00:00Z' },
};
const line = (id: string, change: object = {}): string => `${JSON.stringify({ ...LINE, id, ...change })}\n`;
const lines = (count: number, from = 0): string => Array.from({ length: count }, (_, n) => line(`gen_${from + n}`)).join('');

async function* chunksOf(text: string, size = 65_536): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const adapters: Array<[string, () => Promise<EventStore>]> = [
  ['in memory', async () => new MemoryEventStore(clock)],
  [
    'on PostgreSQL',
    async () => {
      await database.pool.query('TRUNCATE events; UPDATE log_head SET pos = 0, recorded_at_ms = 0');
      return new PostgresEventStore({ pool: database.pool });
    },
  ],
];

describe.each(adapters)('an import of attempts %s', (_name, open) => {
  let store: EventStore;
  const stores: EventStore[] = [];
  const opened = async (): Promise<EventStore> => {
    stores.push((store = await open()));
    return store;
  };
  afterEach(async () => {
    for (const each of stores.splice(0)) await each.close();
  });

  const run = (body: string | AsyncIterable<Uint8Array>, tenant = 'default'): Promise<AttemptImportView> =>
    new AttemptImport(store, clock).run({
      ...{ tenant, actor: 'key_1', correlationId: 'req_1', causationId: null },
      body: typeof body === 'string' ? chunksOf(body) : body,
    });
  const clips = async (): Promise<number> => {
    const { facts } = await store.readAll({ after: POSITION_START, limit: 100_000, streamPrefixes: ['clip-'] });
    return facts.length;
  };

  it('takes the pilot in, a stream a line, and a second time adds nothing', async () => {
    await opened();
    const first = await run(createReadStream(PILOT));
    expect(first).toEqual({ accepted: 50, duplicates: 0, rejected: [], rejectedCount: 0, position: await store.head() });
    const [fact] = await store.readStream('clip-default.gen_00001');
    expect(fact).toMatchObject({
      ...{ type: 'AttemptImported', revision: 0, tenant: 'default', actor: 'key_1', correlationId: 'req_1' },
      data: { clipId: 'gen_00001', attempt: { generation_cost_usd: '0.42', review_minutes: '6' }, person: 'key_1' },
    });
    expect(await run(createReadStream(PILOT))).toEqual({ ...first, accepted: 0, duplicates: 50 });
    expect(await clips()).toBe(50);
    expect((await run(createReadStream(PILOT), 'other')).accepted).toBe(50);
  });

  it('names the lines that it refuses, in their order, and takes the others', async () => {
    await opened();
    await run(line('old'));
    const body = [
      line('a'),
      '\n',
      'nonsense\n',
      line('a'),
      line('a', { credits_used: 43 }),
      line('old', { model: 'n' }),
      line('old'),
      line('b', { x: 1 }),
    ].join('');
    const view = await run(body + line('c'));
    expect(view).toMatchObject({ accepted: 2, duplicates: 2, rejectedCount: 4 });
    const other = [{ field: 'id', code: 'already_exists', detail: 'stands in the log with other content' }];
    expect(view.rejected).toEqual([
      { line: 3, id: null, errors: [{ field: null, code: 'invalid', detail: 'is not valid JSON' }] },
      { line: 5, id: 'a', errors: other },
      { line: 6, id: 'old', errors: other },
      { line: 8, id: 'b', errors: [{ field: 'x', code: 'unknown_field', detail: 'is no field of the log' }] },
    ]);
    expect(await run('')).toEqual({ accepted: 0, duplicates: 0, rejected: [], rejectedCount: 0, position: POSITION_START });
  });

  it('lets the first of two lines with one id count, however far apart they are', async () => {
    await opened();
    const body = lines(1_300) + line('gen_3') + line('gen_7', { model: 'n' }) + lines(1_300, 2_000) + line('gen_2001', { model: 'n' });
    expect(await run(body)).toMatchObject({
      ...{ accepted: 2_600, duplicates: 1, rejectedCount: 2 },
      rejected: [
        { line: 1_302, id: 'gen_7' },
        { line: 2_603, id: 'gen_2001' },
      ],
    });
    expect(await clips()).toBe(2_600);
  });

  it('writes every attempt once, however many import it at once', async () => {
    await opened();
    const views = await Promise.all([run(lines(1_500)), run(lines(1_500)), run(lines(1_500, 700))]);
    expect(views.reduce((sum, view) => sum + view.accepted, 0)).toBe(2_200);
    expect(views.reduce((sum, view) => sum + view.duplicates, 0)).toBe(2_300);
    expect(views.flatMap((view) => view.rejected)).toEqual([]);
    expect(await clips()).toBe(2_200);
  });

  it('never takes the id of what was made here', async () => {
    await opened();
    const [hex, failed] = [newCommandId(), newCommandId()];
    const made = async (stream: string, type: string): Promise<void> => {
      const meta = { commandId: newCommandId(), tenant: 'default', actor: 'a', correlationId: 'c', causationId: null, requestHash: null };
      await store.append({ meta, appends: [{ stream, expectedRevision: NO_STREAM, facts: [{ type, schemaVersion: 1, data: {} }] }] });
    };
    await made(`task-default.task_${hex}`, 'TaskSubmitted');
    await made(`task-default.task_${failed}`, 'TaskSubmitted');
    await made('clip-default.clip_own', 'ClipGenerated');
    const view = await run([`clip_${hex}`, `task_${failed}`, 'clip_own', `clip_${newCommandId()}`].map((id) => line(id)).join(''));
    expect([view.accepted, view.rejected.map(({ id, errors }) => [id, errors[0]?.code])]).toEqual([
      1,
      [
        [`clip_${hex}`, 'already_exists'],
        [`task_${failed}`, 'already_exists'],
        ['clip_own', 'already_exists'],
      ],
    ]);
  });

  it('keeps what arrived whole when the body breaks off, and goes on from there the next time', async () => {
    await opened();
    const text = lines(900);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield* chunksOf(text.slice(0, text.indexOf('gen_777"')), 1_000);
      throw new Error('the connection was lost');
    }
    await expect(run(broken())).rejects.toThrow('the connection was lost');
    expect(await clips()).toBe(777);
    expect(await run(text)).toMatchObject({ accepted: 123, duplicates: 777, rejectedCount: 0 });
  });

  it('lists ten thousand of its refusals and counts them all', async () => {
    await opened();
    const view = await run('x\n'.repeat(REJECTED_ATTEMPTS_SHOWN_MAX + 7));
    expect([view.rejected.length, view.rejectedCount, view.rejected.at(-1)?.line]).toEqual([10_000, 10_007, 10_000]);
  });
});

describe('an import of attempts', () => {
  it('fails as the store does, takes no more in, and can be sent again', async () => {
    const store = new MemoryEventStore(clock);
    let appends = 0;
    let isDown = true;
    const faulty: Pick<EventStore, 'append' | 'headsOf' | 'readStreams'> = {
      headsOf: (streams) => store.headsOf(streams),
      readStreams: (streams, options) => store.readStreams(streams, options),
      append: async (command) => {
        appends += 1;
        if (isDown && appends > 1_200) throw new EventStoreUnavailable('gone');
        return store.append(command);
      },
    };
    let chunks = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (; chunks < 1_000; chunks += 1) yield Buffer.from(lines(500, chunks * 500));
    }
    const upload = { tenant: 'default', actor: 'k', correlationId: 'c', causationId: null };
    const imports = new AttemptImport(faulty, clock);
    await expect(imports.run({ ...upload, body: endless() })).rejects.toThrow(EventStoreUnavailable);
    expect(chunks).toBeLessThan(20);
    isDown = false;
    expect(await imports.run({ ...upload, body: chunksOf(lines(2_000)) })).toMatchObject({ accepted: 800, duplicates: 1_200 });
  });

  it('holds no more of a log than what is under way', async () => {
    let written = 0;
    let sent = 0;
    let ahead = 0;
    const slow: Pick<EventStore, 'append' | 'headsOf' | 'readStreams'> = {
      headsOf: async () => new Map(),
      readStreams: async () => new Map(),
      append: () =>
        new Promise((resolve) =>
          setImmediate(() => {
            written += 1;
            const place = String(written).padStart(16, '0');
            resolve({
              ok: true,
              revisions: [0],
              positions: [place],
              firstPosition: place,
              position: place,
              recordedAt: 0,
              repeated: false,
            });
          }),
        ),
    };
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 40; n += 1) {
        sent += 500;
        ahead = Math.max(ahead, sent - written);
        yield Buffer.from(lines(500, n * 500));
      }
    }
    const view = await new AttemptImport(slow, clock).run({
      tenant: 'default',
      actor: 'k',
      correlationId: 'c',
      causationId: null,
      body: body(),
    });
    expect(view).toMatchObject({ accepted: 20_000, position: '0000000000020000' });
    expect(ahead).toBeLessThanOrEqual(3_000);
  });
});
