import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Command } from '@nestjs/cqrs';
import { EventStoreUnavailable, internalCommandId, SessionsOverloaded, type RequestContext } from '#libs/event-store';
import { BookDue, GrantCredits, OpenAccount } from '#libs/ledger';
import { CancelTask, SubmitTaskBatch } from '#libs/settlement';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { until } from '../../../test/support/until.js';
import { BUCKETS } from './buckets.js';
import { accountWhere, answerPlainly, grantWhere, Members, request, type Member } from './testing/members.js';

let database: TestDatabase;
let members: Members;

beforeAll(async () => {
  database = await createTestDatabase();
  members = new Members(database.pool);
});
afterEach(() => members.stop());
afterAll(() => database.drop());

const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
const ownedBy = ({ routing }: Member): number[] => buckets.filter((bucket) => routing.owns(bucket));
/** Every process owns its part, and everybody knows whose the others are. */
const settled = (...all: Member[]): Promise<void> =>
  until(() => {
    const isKnown = (one: Member, bucket: number): boolean => one.routing.owns(bucket) || one.routing.addressOf(bucket) !== null;
    return all.every((one) => ownedBy(one).length === BUCKETS / all.length && buckets.every((bucket) => isKnown(one, bucket)));
  });
const contextOf = (command: Command<unknown>): RequestContext => (command as GrantCredits).context;

describe('routing', () => {
  it('leaves everything where it is while nobody else owns anything', async () => {
    const one = await members.start();
    expect(ownedBy(one)).toHaveLength(BUCKETS);
    const command = grantWhere(() => true);
    await one.execute(command);
    // The very command, untouched.
    expect(one.decided).toEqual([command]);
    expect(one.decided[0]).toBe(command);
  });

  it('sends a command to the owner of its account, whole, and answers what the owner answers', async () => {
    const a = await members.start();
    const b = await members.start();
    await settled(a, b);
    const command = new GrantCredits(
      request({ accounts: ['x'], idempotencyKey: 'k' }),
      accountWhere((bucket) => b.routing.owns(bucket)),
      {
        bucket: 'purchased',
        credits: 7,
        expiresAt: null,
        reference: 'ü\u2028"\\',
      },
    );
    expect(await a.execute(command)).toEqual({
      ok: true,
      view: { decided: 'GrantCredits' },
      position: '0000000000000009',
      replayed: false,
    });
    expect(a.decided).toEqual([]);
    expect(b.decided).toHaveLength(1);
    expect(b.decided[0]).toBeInstanceOf(GrantCredits);
    expect(b.decided[0]).toEqual(new GrantCredits({ ...command.context, forwarded: 'first' }, command.accountId, command.input));
    await b.execute(grantWhere((bucket) => b.routing.owns(bucket)));
    expect(b.decided).toHaveLength(2);
  });

  it('names a command without a key, so that it is known again, and does not tell that it was', async () => {
    const a = await members.start();
    const b = await members.start({
      decide: async (command) => ({ ...((await answerPlainly(command)) as object), replayed: true }),
    });
    await settled(a, b);
    const keyless = grantWhere((bucket) => b.routing.owns(bucket));
    expect(await a.execute(keyless)).toMatchObject({ ok: true, replayed: false });
    expect(internalCommandId(contextOf(b.decided[0]!).idempotencyKey)).toMatch(/^[0-9a-f]{32}$/);
    const keyed = grantWhere((bucket) => b.routing.owns(bucket), { idempotencyKey: 'k' });
    expect(await a.execute(keyed)).toMatchObject({ ok: true, replayed: true });
  });

  it('finds the account of whatever decides on one alone', async () => {
    const a = await members.start();
    const b = await members.start();
    const sender = await members.start({ mode: 'forward' });
    await settled(a, b);
    const account = accountWhere((bucket) => b.routing.owns(bucket));
    await until(() => buckets.every((bucket) => sender.routing.addressOf(bucket) === (a.routing.owns(bucket) ? a : b).routing.address));
    await sender.execute(new BookDue('acme', account));
    await sender.execute(new CancelTask(request(), `task_${account}`, {}));
    const task = { accountId: account, model: 'm' };
    await sender.execute(new SubmitTaskBatch(request(), { tasks: [task, task], atomic: false }));
    expect(b.decided.map((command) => command.constructor.name)).toEqual(['BookDue', 'CancelTask', 'SubmitTaskBatch']);
    expect(sender.decided).toEqual([]);

    const other = { accountId: accountWhere((bucket) => a.routing.owns(bucket)), model: 'm' };
    await sender.execute(new SubmitTaskBatch(request(), { tasks: [task, other], atomic: false }));
    await sender.execute(new OpenAccount(request(), { name: 'n', plan: 'free' }));
    await sender.execute(new CancelTask(request(), 'nonsense', {}));
    expect(sender.decided.map((command) => command.constructor.name)).toEqual(['SubmitTaskBatch', 'OpenAccount', 'CancelTask']);
  });

  it('gathers the commands of one turn, and answers each as soon as it is decided', async () => {
    let letGo = (): void => undefined;
    const mayGo = new Promise<void>((resolve) => (letGo = resolve));
    const a = await members.start();
    const b = await members.start({
      decide: async (command) => {
        if ((command as GrantCredits).input.credits === 1) await mayGo;
        return answerPlainly(command);
      },
    });
    await settled(a, b);
    const account = accountWhere((bucket) => b.routing.owns(bucket));
    const answered: number[] = [];
    const all = [1, 2, 3, 4].map((credits) =>
      a.execute(new GrantCredits(request(), account, { bucket: 'purchased', credits })).then(() => answered.push(credits)),
    );
    await until(() => answered.length === 3);
    expect(answered).toEqual([2, 3, 4]);
    letGo();
    await Promise.all(all);
    const batches = await a.registry.getSingleMetric('rollcredits_routing_batch_commands')!.get();
    expect(
      batches.values.find((value) => 'metricName' in value && value.metricName === 'rollcredits_routing_batch_commands_count')!.value,
    ).toBe(1);
  });

  it('passes on the faults of the owner as its own', async () => {
    const errors = [new SessionsOverloaded('full'), new EventStoreUnavailable('away'), new Error('broken')];
    const a = await members.start();
    const b = await members.start({ decide: () => Promise.reject(errors.shift()!) });
    await settled(a, b);
    const command = grantWhere((bucket) => b.routing.owns(bucket));
    await expect(a.execute(command)).rejects.toBeInstanceOf(SessionsOverloaded);
    await expect(a.execute(command)).rejects.toBeInstanceOf(EventStoreUnavailable);
    await expect(a.execute(command)).rejects.toThrow(/broken/);
    expect(a.decided).toEqual([]);
  });

  it('lets the owner know first what the sender knows: the clock, and the catalogue', async () => {
    const a = await members.start({ clockOffsetMs: 86_400_000, catalogueAt: '0000000000000005' });
    const b = await members.start();
    await settled(a, b);
    await a.execute(grantWhere((bucket) => b.routing.owns(bucket)));
    expect(b.learnt).toEqual({ clockOffsetMs: 86_400_000, refreshes: 1 });
  });

  it('sends nothing to a process of another release', async () => {
    const a = await members.start();
    const b = await members.start({ version: 'test/2' });
    await until(() => ownedBy(a).length === BUCKETS / 2 && ownedBy(b).length === BUCKETS / 2);
    await a.execute(grantWhere((bucket) => b.routing.owns(bucket)));
    expect(a.decided).toHaveLength(1);
    expect(contextOf(a.decided[0]!).forwarded).toBeUndefined();
    expect(b.decided).toEqual([]);
  });

  it('refuses commands over a full way as a full mailbox does', async () => {
    let letGo = (): void => undefined;
    const mayGo = new Promise<void>((resolve) => (letGo = resolve));
    const a = await members.start({ limits: { commandsMax: 3 } });
    const b = await members.start({ decide: (command) => mayGo.then(() => answerPlainly(command)) });
    await settled(a, b);
    const command = grantWhere((bucket) => b.routing.owns(bucket));
    const waiting = [1, 2, 3].map(() => a.execute(command));
    await expect(a.execute(command)).rejects.toBeInstanceOf(SessionsOverloaded);
    letGo();
    await Promise.all(waiting);
  });

  it('hands its accounts over before it stops, and answers what was sent to it', async () => {
    let letGo = (): void => undefined;
    const mayGo = new Promise<void>((resolve) => (letGo = resolve));
    const a = await members.start();
    const b = await members.start({ decide: (command) => mayGo.then(() => answerPlainly(command)) });
    await settled(a, b);
    const command = grantWhere((bucket) => b.routing.owns(bucket));
    const sent = a.execute(command);
    await until(() => b.decided.length === 1);
    let isClosed = false;
    const closing = b.routing.close().then(() => (isClosed = true));
    await until(() => ownedBy(a).length === BUCKETS);
    expect(isClosed).toBe(false);
    // Already its own.
    await a.execute(command);
    expect(a.decided).toHaveLength(1);
    letGo();
    expect(await sent).toMatchObject({ ok: true });
    await closing;
    expect(a.decided).toHaveLength(1);
  });

  it('sends nothing more once it is closed, also where the database holds its hand-over up', async () => {
    const a = await members.start();
    const b = await members.start();
    await settled(a, b);
    const command = grantWhere((bucket) => b.routing.owns(bucket));
    const slow = await database.pool.connect();
    await slow.query('BEGIN');
    await slow.query(`SELECT 1 FROM leases WHERE name LIKE 'accounts/%' FOR SHARE`);
    await a.routing.close();
    // It is still leaving, and hears that it should look once more.
    await database.pool.query(`SELECT pg_notify('rollcredits_shares', 'accounts')`);
    await slow.query('ROLLBACK');
    slow.release();
    await until(async () => (await database.pool.query(`SELECT 1 FROM leases WHERE name LIKE 'accounts#%'`)).rowCount === 1);
    await a.execute(command);
    expect(a.decided).toEqual([command]);
    expect(b.decided).toEqual([]);
  });

  it('never sends on what was sent to it, even where each takes the other for the owner', async () => {
    const a = await members.start();
    const b = await members.start();
    await settled(a, b);
    const command = grantWhere((bucket) => b.routing.owns(bucket));
    // B gives everything up; A does not hear of it before it sends.
    await database.pool.query(`UPDATE leases SET owner = 'nobody' WHERE name LIKE 'accounts/%'`);
    await until(() => ownedBy(b).length === 0);
    const answer = await a.execute(command);
    expect(answer).toMatchObject({ ok: true });
    expect([...a.decided, ...b.decided]).toHaveLength(1);
    expect(a.decided).toHaveLength(1);
    await database.pool.query(`DELETE FROM leases WHERE owner = 'nobody'`);
  });
});
