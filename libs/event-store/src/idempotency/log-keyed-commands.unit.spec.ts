import { beforeEach, describe, expect, it } from '@jest/globals';
import { refuse, type JsonObject } from '#libs/kernel';
import { NO_STREAM, POSITION_START } from '../event-store.port.js';
import { MemoryEventStore, MemoryLog } from '../memory/memory-event-store.js';
import { MemoryKeyVault } from '../memory/memory-key-vault.js';
import type { RequestContext } from '../request-context.js';
import { CachedCustomerKeys } from '../sealing/cached-customer-keys.js';
import { commandMeta, hashRequest } from './command-meta.js';
import { KEY_CONFLICT, type Executed, type KeyedCommand, type PreparedCommand } from './keyed-commands.port.js';
import { LogKeyedCommands } from './log-keyed-commands.js';

const clock = { now: () => 1_000 };
const body: JsonObject = { accountId: 'a', prompt: 'a cat', credits: 5 };

function request(overrides: Partial<RequestContext> = {}): RequestContext {
  return {
    tenant: 'acme',
    actor: 'key_1',
    correlationId: 'req_1',
    causationId: null,
    method: 'POST',
    path: '/v1/tasks',
    body,
    idempotencyKey: 'k1',
    accounts: null,
    ...overrides,
  };
}

describe('keyed commands', () => {
  let log: MemoryLog;
  let store: MemoryEventStore;
  let vault: MemoryKeyVault;
  let keyed: LogKeyedCommands;
  let executions: number;
  beforeEach(() => {
    log = new MemoryLog();
    store = new MemoryEventStore(clock, log);
    vault = new MemoryKeyVault();
    keyed = new LogKeyedCommands(store, new CachedCustomerKeys(vault));
    executions = 0;
  });

  /** Writes two facts on a stream of its own; its view names them. */
  function submit(context: RequestContext, overrides: Partial<KeyedCommand<string>> = {}): KeyedCommand<string> {
    return {
      erasable: { accountId: 'a', values: { prompt: context.body['prompt'], metadata: context.body['metadata'] } },
      async execute({ meta, refs, sealed }: PreparedCommand): Promise<Executed<string>> {
        executions += 1;
        const facts = [
          { type: 'Reserved', schemaVersion: 1, data: {} },
          { type: 'Submitted', schemaVersion: 1, data: { ...refs }, ...(sealed === undefined ? {} : { sealed }) },
        ];
        const result = await store.append({
          meta,
          appends: [{ stream: `task-acme.${meta.commandId}`, expectedRevision: NO_STREAM, facts }],
        });
        if (!result.ok) return result.conflict === 'key' ? KEY_CONFLICT : { ok: false, ...refuse('conflict', 'stale') };
        return { ok: true, view: `task_${meta.commandId}`, position: result.position, replayed: false };
      },
      async replay({ facts, position, revisionOn }) {
        const { stream } = facts[0]!;
        expect(facts.map(({ type }) => type)).toEqual(['Reserved', 'Submitted']);
        expect(revisionOn(stream)).toBe(1);
        return { ok: true, view: `task_${stream.slice('task-acme.'.length)}`, position, replayed: false };
      },
      ...overrides,
    };
  }
  const run = (context: RequestContext, overrides: Partial<KeyedCommand<string>> = {}, via = keyed) =>
    via.run(context, submit(context, overrides));

  it('give the same outcome again, for good, and say that it is a replay', async () => {
    const first = await run(request());
    expect(first).toMatchObject({ ok: true, replayed: false });
    const restarted = new LogKeyedCommands(new MemoryEventStore(clock, log), new CachedCustomerKeys(vault));
    const again = await run(request({ correlationId: 'req_2', actor: 'key_2' }), {}, restarted);
    expect(again).toEqual({ ...first, replayed: true });
    expect(executions).toBe(1);
  });

  it('take the order of members, and nothing else, as the same request', async () => {
    await run(request());
    expect(await run(request({ body: { credits: 5, prompt: 'a cat', accountId: 'a' } }))).toMatchObject({ ok: true, replayed: true });
  });

  it.each<[string, Partial<RequestContext>]>([
    ['another member', { body: { ...body, credits: 6 } }],
    ['another text', { body: { ...body, prompt: 'a dog' } }],
    ['a text more', { body: { ...body, metadata: { note: 'x' } } }],
    ['a text less', { body: { accountId: 'a', credits: 5 } }],
    ['another path', { path: '/v1/quotes' }],
  ])('refuse the key with %s', async (_what, change) => {
    await run(request());
    expect(await run(request(change))).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
    expect(executions).toBe(1);
  });

  describe('whose texts are derived', () => {
    let asked: number;
    const deriving = (text: string): Partial<KeyedCommand<string>> => ({
      derive: () => {
        asked += 1;
        return Promise.resolve({ rendered: text, prompt: 'never in place of the request’s own', nothing: undefined });
      },
    });
    beforeEach(() => {
      asked = 0;
    });

    it('seal them with the request’s own, and leave them out of the hash', async () => {
      await run(request(), deriving('a cat on a roof'));
      const [reserved, submitted] = (await store.readAll({ after: POSITION_START, limit: 10 })).facts;
      const { prompt, rendered } = submitted!.data as Record<string, { $erasable: string }>;
      expect(Object.keys(submitted!.data)).toEqual(['rendered', 'prompt']);
      // With its blank, which no digest can have by chance.
      expect(JSON.stringify(submitted!.data)).not.toContain('a cat');
      const opener = await new CachedCustomerKeys(vault).openerFor('acme', 'a');
      expect(opener?.open(submitted!.sealed!)).toEqual({ rendered: 'a cat on a roof', prompt: 'a cat' });
      expect(reserved!.requestHash).toBe(hashRequest(request(), { prompt: prompt! }));
      expect(reserved!.requestHash).not.toBe(hashRequest(request(), { prompt: prompt!, rendered: rendered! }));
    });

    it('seal them where the request has none of its own', async () => {
      await run(request({ body: { accountId: 'a' } }), deriving('a cat'));
      expect(await run(request({ body: { accountId: 'a' } }), deriving('a dog'))).toMatchObject({ ok: true, replayed: true });
    });

    it('ask for them only where the command runs, so that a replay does not depend on them', async () => {
      const first = await run(request(), deriving('a cat on a roof'));
      expect(await run(request(), deriving('a dog'))).toEqual({ ...first, replayed: true });
      expect(await run(request({ body: { ...body, credits: 6 } }), deriving('a dog'))).toMatchObject({ code: 'idempotency_key_reused' });
      expect(asked).toBe(1);
      await run(request({ idempotencyKey: null }), deriving('a cat'));
      expect(asked).toBe(2);
    });

    it('are refused before they run, and may come again', async () => {
      const refusal = refuse('not_found', 'There is no such brief.');
      const refused = { derive: () => Promise.resolve(refusal) };
      for (const idempotencyKey of ['k1', null]) expect(await run(request({ idempotencyKey }), refused)).toEqual({ ok: false, ...refusal });
      expect(executions).toBe(0);
      expect(await run(request(), deriving('a cat'))).toMatchObject({ ok: true, replayed: false });
    });
  });

  it('keep tenants and the entries of a batch apart', async () => {
    const results = [
      await run(request()),
      await run(request({ tenant: 'other' })),
      await run(request(), { part: '0' }),
      await run(request(), { part: '1' }),
    ];
    expect(new Set(results.map((result) => result.ok && result.view)).size).toBe(4);
    expect(executions).toBe(4);
  });

  it('let identical requests at the same time wait for the first', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => run(request())));
    expect(executions).toBe(1);
    expect(results.map((result) => result.replayed)).toEqual([false, ...new Array<boolean>(19).fill(true)]);
    expect(new Set(results.map((result) => result.ok && result.view)).size).toBe(1);
  });

  it('replay what another process was faster with', async () => {
    const others = new LogKeyedCommands(new MemoryEventStore(clock, log), new CachedCustomerKeys(vault));
    const results = await Promise.all([run(request()), run(request({ correlationId: 'req_2' }), {}, others)]);
    expect(results.map((result) => result.replayed).sort()).toEqual([false, true]);
    expect(new Set(results.map((result) => result.ok && result.view)).size).toBe(1);
    expect(log.facts).toHaveLength(2);
  });

  it('run again after a refusal that wrote nothing, and after a failure', async () => {
    const refused = await run(request(), { execute: async () => ({ ok: false, ...refuse('not_found', 'no such account') }) });
    expect(refused).toMatchObject({ code: 'not_found' });
    await expect(
      run(request(), {
        execute: async () => {
          throw new Error('down');
        },
      }),
    ).rejects.toThrow('down');
    expect(await run(request())).toMatchObject({ ok: true, replayed: false });
  });

  it('keep a success that changed nothing, with the revision and the position it was judged at', async () => {
    const context = request({ path: '/v1/accounts/a/plan', body: { plan: 'pro' } });
    const position = '0000000000000042';
    const command: KeyedCommand<string> = {
      execute: async () => ({
        unchanged: { stream: 'account-acme.a', revision: 7 },
        result: { ok: true, view: 'at 7', position, replayed: false },
      }),
      replay: async ({ revisionOn, position: answered }) => ({
        ok: true,
        view: `at ${String(revisionOn('account-acme.a'))}`,
        position: answered,
        replayed: false,
      }),
    };
    const first = await keyed.run(context, command);
    const again = await keyed.run(context, { ...command, execute: async () => ({ ok: false, ...refuse('conflict', 'executed twice') }) });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await keyed.run({ ...context, body: { plan: 'free' } }, command)).toMatchObject({ code: 'idempotency_key_reused' });
  });

  it('refuse a replay whose texts were forgotten', async () => {
    await run(request());
    await vault.erase({ tenant: 'acme', accountId: 'a' });
    const afterwards = new LogKeyedCommands(store, new CachedCustomerKeys(vault));
    expect(await run(request(), {}, afterwards)).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
  });

  it('cost a request without a key no look-up', async () => {
    let lookups = 0;
    const counting = Object.create(store, {
      findByKeyDigests: { value: () => ((lookups += 1), Promise.resolve(new Map())) },
    }) as MemoryEventStore;
    const keyless = new LogKeyedCommands(counting, new CachedCustomerKeys(vault));
    const results = [await run(request({ idempotencyKey: null }), {}, keyless), await run(request({ idempotencyKey: null }), {}, keyless)];
    expect(results.map((result) => result.ok && result.replayed)).toEqual([false, false]);
    expect(new Set(results.map((result) => result.ok && result.view)).size).toBe(2);
    expect(lookups).toBe(0);
  });

  it('look up all keys of one turn together', async () => {
    let lookups = 0;
    const counting = Object.create(store, {
      findByKeyDigests: { value: (digests: Buffer[]) => ((lookups += 1), store.findByKeyDigests(digests)) },
    }) as MemoryEventStore;
    const batched = new LogKeyedCommands(counting, new CachedCustomerKeys(vault));
    await Promise.all(Array.from({ length: 50 }, (_, n) => run(request({ idempotencyKey: `k${n}` }), {}, batched)));
    expect(lookups).toBe(1);
  });

  it('hash requests over JCS with texts replaced by their refs', () => {
    // SHA-256 of {"body":{"a":1,"prompt":{"$erasable":"x"}},"method":"POST","path":"/p"}, computed by hand.
    const hash = hashRequest({ method: 'POST', path: '/p', body: { prompt: 'secret', a: 1 } }, { prompt: { $erasable: 'x' } });
    expect(hash).toBe('95c7cb47c63429a9c07b4e4af6aad1e1c2964ef5619c9dac8a5f9cc3282a3012');
    expect(commandMeta(request(), hash)).toMatchObject({
      tenant: 'acme',
      requestHash: hash,
      commandId: commandMeta(request(), null).commandId,
    });
  });
});
