import { beforeEach, describe, expect, it } from '@jest/globals';
import { newCommandId, refuse } from '#libs/kernel';
import { EventStoreUnavailable, NO_STREAM } from '../event-store.port.js';
import { MemoryEventStore } from '../memory/memory-event-store.js';
import { MemoryKeyVault } from '../memory/memory-key-vault.js';
import type { RequestContext, WriteResult } from '../request-context.js';
import { CachedCustomerKeys } from '../sealing/cached-customer-keys.js';
import { commandMeta } from './command-meta.js';
import { internalKey } from './internal-key.js';
import { KEY_CONFLICT, type Executed, type KeyedCommand, type PreparedCommand } from './keyed-commands.port.js';
import { LogKeyedCommands } from './log-keyed-commands.js';

const clock = { now: () => 1_000 };

describe('a command that was forwarded', () => {
  let store: MemoryEventStore;
  let owner: LogKeyedCommands;
  let sender: LogKeyedCommands;
  let lookups: number;
  let writes: number;
  let request: RequestContext;

  beforeEach(() => {
    store = new MemoryEventStore(clock);
    lookups = 0;
    writes = 0;
    const counting = Object.create(store, {
      append: { value: store.append.bind(store) },
      findByKeyDigests: { value: (digests: Buffer[]) => ((lookups += 1), store.findByKeyDigests(digests)) },
    }) as MemoryEventStore;
    const keys = new CachedCustomerKeys(new MemoryKeyVault());
    owner = new LogKeyedCommands(counting, keys);
    sender = new LogKeyedCommands(counting, keys);
    request = {
      tenant: 'acme',
      actor: 'key_1',
      correlationId: 'req_1',
      causationId: null,
      method: 'POST',
      path: '/v1/tasks',
      body: { accountId: 'a', prompt: 'a cat' },
      idempotencyKey: internalKey(newCommandId()),
      accounts: null,
    };
  });

  const first = (): RequestContext => ({ ...request, forwarded: 'first' });
  const again = (): RequestContext => ({ ...request, forwarded: 'again' });

  /** Succeeds with a fact on a stream of its own; `meanwhile` runs between the decision and the append. */
  function grant(meanwhile: () => Promise<unknown> = () => Promise.resolve()): KeyedCommand<string> {
    return {
      erasable: { accountId: 'a', values: { prompt: 'a cat' } },
      async execute({ meta, refs, sealed }: PreparedCommand): Promise<Executed<string>> {
        await meanwhile();
        const facts = [{ type: 'Granted', schemaVersion: 1, data: { ...refs }, ...(sealed === undefined ? {} : { sealed }) }];
        const stream = `grants-acme.${newCommandId()}`;
        const appended = await store.append({ meta, appends: [{ stream, expectedRevision: NO_STREAM, facts }] });
        if (!appended.ok) return KEY_CONFLICT;
        writes += 1;
        return { ok: true, view: 'granted', position: appended.position, replayed: false };
      },
      replay: ({ position }) => Promise.resolve({ ok: true, view: 'granted', position, replayed: false }),
    };
  }
  const refused = (code: string): KeyedCommand<string> => ({
    ...grant(),
    execute: () => Promise.resolve({ ok: false, ...refuse(code, 'No.', { why: 'so' }) }),
  });

  it('is recognised when it is decided again, and its first try looks nothing up', async () => {
    const answered = await owner.run(first(), grant());
    expect(lookups).toBe(0);
    expect(await sender.run(again(), grant())).toEqual({ ...answered, replayed: true });
    expect(writes).toBe(1);
  });

  it('bears the id that its key names, so that ids go on growing with time', () => {
    expect(commandMeta(first(), null).commandId).toBe(request.idempotencyKey!.slice(1));
    expect(commandMeta(first(), null, '0').commandId).not.toBe(request.idempotencyKey!.slice(1));
  });

  it('is decided once when both decide at the same time', async () => {
    const outcomes: Array<WriteResult<string>> = [];
    const late = await owner.run(
      first(),
      grant(async () => {
        if (outcomes.length === 0) outcomes.push(await sender.run(again(), grant()));
      }),
    );
    expect(writes).toBe(1);
    expect(late).toEqual({ ...outcomes[0], replayed: true });
  });

  it('stays refused once it was refused again: the first try cannot succeed later', async () => {
    const answered = await sender.run(again(), refused('account_suspended'));
    expect(answered).toMatchObject({ ok: false, code: 'account_suspended' });
    const late = await owner.run(first(), grant());
    expect(late).toMatchObject({ ok: false, code: 'account_suspended', fields: { why: 'so' }, replayed: true });
    expect(writes).toBe(0);
  });

  it('answers its first outcome where that comes while it is refused again', async () => {
    const answered = await sender.run(again(), {
      ...refused('account_suspended'),
      execute: async () => {
        await owner.run(first(), grant());
        return { ok: false, ...refuse('account_suspended', 'No.') };
      },
    });
    expect(answered).toMatchObject({ ok: true, view: 'granted', replayed: true });
  });

  it('is not refused for good by a refusal of the moment', async () => {
    await expect(sender.run(again(), refused('too_many_tasks'))).rejects.toThrow(EventStoreUnavailable);
    expect(await owner.run(first(), grant())).toMatchObject({ ok: true });
  });

  it('leaves nothing behind where its first try changes or writes nothing', async () => {
    const unchanged: KeyedCommand<string> = {
      ...grant(),
      execute: () =>
        Promise.resolve({
          unchanged: { stream: 'account-acme.a', revision: 1 },
          result: { ok: true, view: 'as it was', position: '0000000000000002', replayed: false },
        }),
    };
    expect(await owner.run(first(), unchanged)).toMatchObject({ ok: true, view: 'as it was' });
    expect(await owner.run(first(), refused('account_suspended'))).toMatchObject({ ok: false });
    expect((await store.readAll({ after: '0000000000000000', limit: 10 })).facts).toEqual([]);
  });

  it('is looked up at its first try where the client sent the key', async () => {
    const key = { ...first(), idempotencyKey: 'k' };
    await sender.run({ ...key, forwarded: undefined }, grant());
    expect(await owner.run(key, grant())).toMatchObject({ ok: true, replayed: true });
    expect(writes).toBe(1);
  });
});
