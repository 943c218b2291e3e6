// 3 append · what every adapter of the event store promises; run by the specs beside the adapters.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventId, newCommandId, type JsonObject } from '#libs/kernel';
import {
  NO_STREAM,
  POSITION_START,
  type AppendResult,
  type Appended,
  type CommandMeta,
  type EventStore,
  type LogPage,
  type NewFact,
  type StoredFact,
} from './event-store.port.js';
import { POSITION_PATTERN } from './position.js';

export interface ContractLog {
  /** Another process's store on the same log. */
  open(): EventStore;
  drop(): Promise<void>;
}

function meta(overrides: Partial<CommandMeta> = {}): CommandMeta {
  return {
    commandId: newCommandId(),
    tenant: 'acme',
    actor: 'key_1',
    correlationId: 'req_1',
    causationId: null,
    requestHash: null,
    ...overrides,
  };
}
function fact(data: JsonObject = {}, type = 'Happened'): NewFact {
  return { type, schemaVersion: 1, data };
}
function appended(result: AppendResult): Appended {
  expect(result).toMatchObject({ ok: true });
  return result as Appended;
}

export function describeEventStore(name: string, createLog: () => Promise<ContractLog>): void {
  describe(name, () => {
    let log: ContractLog;
    let store: EventStore;
    let other: EventStore;
    beforeEach(async () => {
      log = await createLog();
      store = log.open();
      other = log.open();
    });
    afterEach(async () => {
      await Promise.all([store.close(), other.close()]);
      await log.drop();
    });
    const write = (
      stream: string,
      expectedRevision: number,
      facts: NewFact[] = [fact()],
      overrides: Partial<CommandMeta> = {},
      via = store,
    ): Promise<AppendResult> => via.append({ meta: meta(overrides), appends: [{ stream, expectedRevision, facts }] });

    async function readToEnd(
      options: { streamPrefixes?: string[]; types?: string[]; limit?: number } = {},
    ): Promise<{ facts: StoredFact[]; pages: LogPage[] }> {
      const pages: LogPage[] = [];
      let after = POSITION_START;
      for (;;) {
        const page = await store.readAll({ after, limit: options.limit ?? 100, ...options });
        pages.push(page);
        if (page.atEnd) return { pages, facts: pages.flatMap(({ facts }) => facts) };
        after = page.position;
      }
    }

    describe('append', () => {
      it('gives back every fact exactly as it was written, from any process', async () => {
        const data = { text: 'naïve “quotes” \\ \u0001 🎬', list: [1, null, { deep: true }], big: Number.MAX_SAFE_INTEGER, empty: {} };
        const command = meta({ causationId: 'evt_1', requestHash: 'ab', actor: 'key "x"' });
        const result = appended(
          await store.append({
            meta: command,
            appends: [
              {
                stream: 'task-acme.t',
                expectedRevision: NO_STREAM,
                facts: [{ type: 'Submitted', schemaVersion: 3, data, sealed: 'c2VhbGVk' }, fact({ second: 2 })],
              },
            ],
          }),
        );
        const [first, second] = await other.readStream('task-acme.t');
        expect(first).toEqual({
          id: eventId(command.commandId, 0),
          type: 'Submitted',
          schemaVersion: 3,
          stream: 'task-acme.t',
          revision: 0,
          position: result.firstPosition,
          recordedAt: result.recordedAt,
          tenant: 'acme',
          actor: 'key "x"',
          correlationId: 'req_1',
          causationId: 'evt_1',
          requestHash: 'ab',
          data,
          sealed: 'c2VhbGVk',
        });
        expect(second).toMatchObject({
          id: eventId(command.commandId, 1),
          revision: 1,
          position: result.position,
          sealed: null,
          data: { second: 2 },
        });
        expect(result).toMatchObject({ revisions: [1], positions: [result.position], repeated: false });
        expect(result.position).toMatch(POSITION_PATTERN);
        expect(result.position > result.firstPosition).toBe(true);
      });

      it('takes no notice of what happens to the objects afterwards', async () => {
        const data: JsonObject = { list: [1] };
        const pending = write('task-acme.t', NO_STREAM, [fact(data)]);
        (data['list'] as number[]).push(2);
        await pending;
        const [stored] = await store.readStream('task-acme.t');
        (stored!.data['list'] as number[]).push(3);
        expect((await store.readStream('task-acme.t'))[0]!.data).toEqual({ list: [1] });
      });

      it.each([
        ['a new stream that exists', 2, NO_STREAM],
        ['a stream behind the head', 3, 0],
        ['a stream ahead of the head', 1, 1],
        ['an existing stream that does not exist', 0, 0],
      ])('refuses %s, and writes nothing', async (_what, length, expectedRevision) => {
        for (let revision = 0; revision < length; revision += 1) await write('account-acme.a', revision - 1);
        const result = await write('account-acme.a', expectedRevision);
        expect(result).toEqual({ ok: false, conflict: 'revision', stream: 'account-acme.a' });
        expect(await store.readStream('account-acme.a')).toHaveLength(length);
      });

      it('refuses only the stale commands among those that arrive together', async () => {
        await write('account-acme.a', NO_STREAM);
        const results = await Promise.all([
          write('account-acme.b', NO_STREAM),
          write('account-acme.a', NO_STREAM),
          write('account-acme.c', NO_STREAM),
          write('account-acme.d', 7),
          write('account-acme.a', 0),
        ]);
        // The last one waits behind a refused append of its stream.
        expect(results.map(({ ok }) => ok)).toEqual([true, false, true, false, false]);
        expect(await store.headsOf(['account-acme.a', 'account-acme.b', 'account-acme.c', 'account-acme.d'])).toEqual(
          new Map([
            ['account-acme.a', 0],
            ['account-acme.b', 0],
            ['account-acme.c', 0],
            ['account-acme.d', NO_STREAM],
          ]),
        );
      });

      it('never lets what was decided ahead land on facts of another process', async () => {
        await write('account-acme.a', NO_STREAM);
        await write('account-acme.a', 0, [fact({ by: 'other' })], {}, other);
        // Both were decided on revision 0; the second one's revision fits the log as it is, but not what it was decided on.
        const results = await Promise.all([write('account-acme.a', 0), write('account-acme.a', 1)]);
        expect(results.map(({ ok }) => ok)).toEqual([false, false]);
        expect(await store.readStream('account-acme.a')).toHaveLength(2);
      });

      it('refuses what was decided ahead in the very moment that its ground is refused', async () => {
        await write('account-acme.a', NO_STREAM);
        await write('account-acme.a', 0, [fact()], {}, other);
        const seen: string[] = [];
        await new Promise<void>((resolve) => {
          store.submit({ meta: meta(), appends: [{ stream: 'account-acme.a', expectedRevision: 0, facts: [fact()] }] }, () => {
            seen.push('ground');
            queueMicrotask(() => {
              seen.push('next turn');
              resolve();
            });
          });
          store.submit({ meta: meta(), appends: [{ stream: 'account-acme.a', expectedRevision: 1, facts: [fact()] }] }, (outcome) => {
            seen.push((outcome as AppendResult).ok ? 'landed' : 'refused');
          });
        });
        expect(seen).toEqual(['ground', 'refused', 'next turn']);
      });

      it('writes a run of commands of one stream in the order of the calls', async () => {
        const results = await Promise.all(Array.from({ length: 700 }, (_, index) => write('account-acme.a', index - 1, [fact({ index })])));
        expect(results.every(({ ok }) => ok)).toBe(true);
        const facts = await store.readStream('account-acme.a');
        expect(facts.map(({ data }) => data['index'])).toEqual(Array.from({ length: 700 }, (_, index) => index));
      });

      it('writes a command over two streams whole or not at all', async () => {
        const both = (account: number, task: string): Promise<AppendResult> =>
          store.append({
            meta: meta(),
            appends: [
              { stream: 'account-acme.a', expectedRevision: account, facts: [fact({}, 'Reserved')] },
              { stream: task, expectedRevision: NO_STREAM, facts: [fact({}, 'Submitted'), fact({}, 'Dispatched')] },
            ],
          });
        const result = appended(await both(NO_STREAM, 'task-acme.1'));
        expect(result.revisions).toEqual([0, 1]);
        const { facts } = await readToEnd();
        expect(facts.map(({ type, position }) => [type, position])).toEqual([
          ['Reserved', result.firstPosition],
          ['Submitted', expect.any(String)],
          ['Dispatched', result.position],
        ]);
        expect(result.positions).toEqual([result.firstPosition, result.position]);
        expect(await both(0, 'task-acme.1')).toEqual({ ok: false, conflict: 'revision', stream: 'task-acme.1' });
        expect(await both(NO_STREAM, 'task-acme.2')).toEqual({ ok: false, conflict: 'revision', stream: 'account-acme.a' });
        expect(await store.headsOf(['account-acme.a', 'task-acme.2'])).toEqual(
          new Map([
            ['account-acme.a', 0],
            ['task-acme.2', NO_STREAM],
          ]),
        );
      });

      it('recognises the identical command, and answers as it did the first time', async () => {
        const command = {
          meta: meta({ keyDigest: Buffer.alloc(32, 1) }),
          appends: [
            { stream: 'account-acme.a', expectedRevision: NO_STREAM, facts: [fact({ n: 1 }), fact({ n: 2 })] },
            { stream: 'task-acme.t', expectedRevision: NO_STREAM, facts: [fact({ n: 3 })] },
          ],
        };
        const first = appended(await store.append(command));
        await write('account-acme.a', 1);
        const again = await Promise.all([store.append(command), other.append(command)]);
        expect(again).toEqual([
          { ...first, repeated: true },
          { ...first, repeated: true },
        ]);
        expect((await readToEnd()).facts).toHaveLength(4);
        const [opening] = await other.readStream('account-acme.a', { limit: 1 });
        const { facts, isWhole } = await other.factsOfCommand(opening as StoredFact);
        expect(facts.map(({ stream, data }) => [stream, data['n']])).toEqual([
          ['account-acme.a', 1],
          ['account-acme.a', 2],
          ['task-acme.t', 3],
        ]);
        expect(isWhole).toBe(true);
      });

      it('does not take a command for another one that only shares its id or its place', async () => {
        const command = meta();
        const append = (data: JsonObject, from: CommandMeta): Promise<AppendResult> =>
          store.append({ meta: from, appends: [{ stream: 'account-acme.a', expectedRevision: NO_STREAM, facts: [fact(data)] }] });
        await append({ n: 1 }, command);
        expect(await append({ n: 2 }, command)).toMatchObject({ ok: false, conflict: 'revision' });
        expect(await append({ n: 1 }, meta())).toMatchObject({ ok: false, conflict: 'revision' });
        expect(await append({ n: 1 }, { ...command, correlationId: 'req_2' })).toMatchObject({ ok: false, conflict: 'revision' });
      });

      it('lets a key stand on one command only, for good and among commands that arrive together', async () => {
        const keyDigest = Buffer.alloc(32, 9);
        const attempts = await Promise.all([1, 2, 3].map((n) => write(`task-acme.${n}`, NO_STREAM, [fact({ n }), fact()], { keyDigest })));
        expect(attempts.map(({ ok }) => ok)).toEqual([true, false, false]);
        expect(attempts[1]).toEqual({ ok: false, conflict: 'key', stream: null });
        expect(await write('task-acme.4', NO_STREAM, [fact()], { keyDigest }, other)).toEqual({ ok: false, conflict: 'key', stream: null });
        const found = await other.findByKeyDigests([keyDigest, Buffer.alloc(32, 8)]);
        expect([...found]).toEqual([
          [keyDigest.toString('hex'), expect.objectContaining({ stream: 'task-acme.1', revision: 0, data: { n: 1 } })],
        ]);
      });
    });

    describe('order', () => {
      it('is that of positions; instants of record never decrease within a stream, nor in the log where the store says so', async () => {
        await Promise.all(
          Array.from({ length: 60 }, (_, index) =>
            write(`task-acme.${index}`, NO_STREAM, [fact(), fact()], {}, index % 2 === 0 ? store : other),
          ),
        );
        const { facts } = await readToEnd();
        expect(facts).toHaveLength(120);
        const lastOf = new Map<string, number>();
        for (const [index, { position, recordedAt, stream }] of facts.entries()) {
          expect(recordedAt).toBeGreaterThanOrEqual(lastOf.get(stream) ?? 0);
          lastOf.set(stream, recordedAt);
          const before = facts[index - 1];
          if (before === undefined) continue;
          expect(position > before.position).toBe(true);
          if (store.instantsFollowPositions) expect(recordedAt).toBeGreaterThanOrEqual(before.recordedAt);
        }
      });

      it('lets no reader skip a fact while several processes write', async () => {
        const writers = [store, other, log.open(), log.open()];
        const perWriter = 150;
        const writing = { isOver: false };
        const seen: StoredFact[] = [];
        const reading = (async () => {
          let after = POSITION_START;
          for (;;) {
            const { isOver } = writing;
            const page = await store.readAll({ after, limit: 50 });
            seen.push(...page.facts);
            after = page.position;
            if (page.atEnd && isOver) return;
          }
        })();
        await Promise.all(
          writers.map(async (writer, number) => {
            for (let index = 0; index < perWriter; index += 3) {
              await Promise.all(
                [0, 1, 2].map((k) =>
                  write(`task-acme.${number}_${index + k}`, NO_STREAM, [fact({ number, index: index + k })], {}, writer),
                ),
              );
            }
          }),
        );
        writing.isOver = true;
        await reading;
        await Promise.all(writers.slice(2).map((writer) => writer.close()));
        expect(seen).toHaveLength(writers.length * perWriter);
        expect(new Set(seen.map(({ stream }) => stream)).size).toBe(writers.length * perWriter);
      });
    });

    describe('read', () => {
      it('goes through a stream both ways, from anywhere, as far as asked', async () => {
        await write(
          'task-acme.t',
          NO_STREAM,
          Array.from({ length: 5 }, (_, n) => fact({ n })),
        );
        const numbers = async (options: Parameters<EventStore['readStream']>[1]): Promise<unknown[]> =>
          (await store.readStream('task-acme.t', options)).map(({ data }) => data['n']);
        expect(await numbers({})).toEqual([0, 1, 2, 3, 4]);
        expect(await numbers({ fromRevision: 3 })).toEqual([3, 4]);
        expect(await numbers({ fromRevision: 1, limit: 2 })).toEqual([1, 2]);
        expect(await numbers({ direction: 'backwards', limit: 2 })).toEqual([4, 3]);
        expect(await numbers({ direction: 'backwards', fromRevision: 1 })).toEqual([1, 0]);
        expect(await numbers({ fromRevision: 9 })).toEqual([]);
        expect(await store.readStream('task-acme.none')).toEqual([]);
      });

      it('answers many streams at once, each from its own revision and up to the limit', async () => {
        await write('task-acme.a', NO_STREAM, [fact({ n: 0 }), fact({ n: 1 }), fact({ n: 2 })]);
        await write('task-acme.b', NO_STREAM, [fact({ n: 3 })]);
        const all = await store.readStreams(['task-acme.b', 'task-acme.none', 'task-acme.a', 'task-acme.a']);
        expect([...all].map(([stream, facts]) => [stream, facts.map(({ data }) => data['n'])])).toEqual([
          ['task-acme.b', [3]],
          ['task-acme.none', []],
          ['task-acme.a', [0, 1, 2]],
        ]);
        const some = await store.readStreams(['task-acme.a', 'task-acme.b'], {
          fromRevisions: new Map([['task-acme.a', 1]]),
          limitPerStream: 1,
        });
        expect([...some.values()].map((facts) => facts.map(({ data }) => data['n']))).toEqual([[1], [3]]);
      });

      it('finds one fact by its position', async () => {
        const result = appended(await write('task-acme.t', NO_STREAM, [fact({ n: 0 }), fact({ n: 1 })]));
        expect(await store.readAt(result.position)).toMatchObject({ revision: 1, data: { n: 1 } });
        expect(await store.readAt(POSITION_START)).toBeNull();
        expect(await store.readAt('0000000999999999')).toBeNull();
      });

      it('filters the log by stream prefix and by type, and says how far it has looked', async () => {
        await write('account-acme.a', NO_STREAM, [fact({}, 'Opened'), fact({}, 'Granted')]);
        await write('task-acme.t', NO_STREAM, [fact({}, 'Submitted'), fact({}, 'Granted')]);
        await write('model-m', NO_STREAM, [fact({}, 'Listed')]);
        const types = async (options: Parameters<typeof readToEnd>[0]): Promise<string[]> =>
          (await readToEnd(options)).facts.map(({ type }) => type);
        expect(await types({ streamPrefixes: ['account-', 'model-'] })).toEqual(['Opened', 'Granted', 'Listed']);
        expect(await types({ types: ['Granted'], limit: 1 })).toEqual(['Granted', 'Granted']);
        expect(await types({ types: ['Granted'], streamPrefixes: ['task-'] })).toEqual(['Granted']);
        expect(await types({ types: [] })).toEqual([]);
        const { pages } = await readToEnd({ types: ['Never'] });
        expect(pages.at(-1)!.position).toBe(await store.head());
      });

      it('of an empty log is at its end', async () => {
        expect(await store.readAll({ after: POSITION_START, limit: 10 })).toEqual({ facts: [], position: POSITION_START, atEnd: true });
        expect(await store.head()).toBe(POSITION_START);
      });
    });

    describe('subscribe', () => {
      async function take(pages: AsyncIterable<LogPage>, count: number): Promise<StoredFact[]> {
        const facts: StoredFact[] = [];
        for await (const page of pages) {
          facts.push(...page.facts);
          if (facts.length >= count) break;
        }
        return facts;
      }

      it('hands over what stands there, then what any process adds, in order', async () => {
        await write('task-acme.1', NO_STREAM);
        const aborter = new AbortController();
        const taking = take(store.subscribe({ after: POSITION_START, signal: aborter.signal }), 4);
        await write('task-acme.2', NO_STREAM);
        await write('task-acme.3', NO_STREAM, [fact()], {}, other);
        await write('task-acme.4', NO_STREAM, [fact()], {}, other);
        expect((await taking).map(({ stream }) => stream)).toEqual(['task-acme.1', 'task-acme.2', 'task-acme.3', 'task-acme.4']);
      });

      it('resumes after any position, in batches no larger than asked', async () => {
        const written = appended(
          await write(
            'task-acme.1',
            NO_STREAM,
            Array.from({ length: 10 }, (_, n) => fact({ n })),
          ),
        );
        const aborter = new AbortController();
        const facts: number[] = [];
        let after = POSITION_START;
        // Each batch is taken by a subscription of its own, as after a restart.
        while (facts.length < 10) {
          for await (const page of store.subscribe({ after, batchSizeMax: 3, signal: aborter.signal })) {
            expect(page.facts.length).toBeLessThanOrEqual(3);
            facts.push(...page.facts.map(({ data }) => data['n'] as number));
            after = page.position;
            break;
          }
        }
        expect(facts).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        expect(after).toBe(written.position);
      });

      it('moves on past what the filter leaves out', async () => {
        const aborter = new AbortController();
        const pages = store.subscribe({ after: POSITION_START, types: ['Wanted'], signal: aborter.signal })[Symbol.asyncIterator]();
        let next = pages.next();
        const { position } = appended(await write('task-acme.1', NO_STREAM, [fact({}, 'Unwanted')]));
        // A log that is shared with others may speak of what they wrote first.
        let reached = await next;
        for (; !reached.done && reached.value.position < position; reached = await next) {
          expect(reached.value.facts).toEqual([]);
          next = pages.next();
        }
        expect(reached).toEqual({ done: false, value: { facts: [], position, atEnd: true } });
        aborter.abort();
        expect(await pages.next()).toEqual({ done: true, value: undefined });
      });

      it('ends on abort while it waits', async () => {
        const aborter = new AbortController();
        const taking = take(store.subscribe({ after: POSITION_START, signal: aborter.signal }), 1);
        setImmediate(() => aborter.abort());
        expect(await taking).toEqual([]);
      });
    });

    it('tells every process of new facts, until it no longer listens', async () => {
      const heard: string[] = [];
      let wake: (() => void) | undefined;
      const stop = other.onAppended((head) => {
        heard.push(head);
        wake?.();
      });
      const { position } = appended(await write('task-acme.1', NO_STREAM));
      while (heard.at(-1) !== position) await new Promise<void>((resolve) => (wake = resolve));
      stop();
      const count = heard.length;
      await write('task-acme.2', NO_STREAM, [fact()], {}, other);
      expect(heard).toHaveLength(count);
    });
  });
}
