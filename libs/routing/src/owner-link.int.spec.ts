import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Socket } from 'node:net';
import type { Command } from '@nestjs/cqrs';
import { internalCommandId, type RequestContext } from '#libs/event-store';
import { BookDue, type GrantCredits } from '#libs/ledger';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { until } from '../../../test/support/until.js';
import { BUCKETS } from './buckets.js';
import type { LinkLimits } from './owner-link.js';
import { answerPlainly, grantWhere, Members, SECRET, type Ghost, type Member } from './testing/members.js';
import { answerLine, HEADERS, type RequestName } from './wire.js';

let database: TestDatabase;
let members: Members;

beforeAll(async () => {
  database = await createTestDatabase();
  members = new Members(database.pool);
});
afterEach(() => members.stop());
afterAll(() => database.drop());

const contextOf = (command: Command<unknown> | undefined): RequestContext => (command as GrantCredits).context;

/** Long enough that a connection is made and a command is heard meanwhile. */
const SILENCE_MS = 4_000;

/** A process that only sends, and an owner of everything that talks as the spec wants. */
async function facing(talk: (socket: Socket) => void, limits: Partial<LinkLimits> = {}): Promise<{ sender: Member; ghost: Ghost }> {
  const ghost = await members.ghost(talk);
  const sender = await members.start({ mode: 'forward', limits });
  await until(() => Array.from({ length: BUCKETS }, (_, bucket) => bucket).every((bucket) => sender.routing.addressOf(bucket) !== null));
  return { sender, ghost };
}

/** Calls back with each request's head and body, once all of it is there. */
function onRequests(socket: Socket, onRequest: (head: string, body: string) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = text.slice(0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
      if (text.length < end + 4 + length) return;
      onRequest(head, text.slice(end + 4, end + 4 + length));
      text = text.slice(end + 4 + length);
    }
  });
}

const headerOf = (head: string, name: string): string => new RegExp(`${name}: (.*)`, 'i').exec(head)![1]!.trim();
const nameOf = (head: string): RequestName => ({
  boot: headerOf(head, HEADERS.boot),
  sender: headerOf(head, HEADERS.sender),
  sequence: Number(headerOf(head, HEADERS.sequence)),
});
const OK = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const END = '0\r\n\r\n';

describe('a command whose owner does not answer', () => {
  it('is decided here under its own name when the owner is silent, and so are those after it, at once', async () => {
    const heard: string[] = [];
    const { sender } = await facing((socket) => onRequests(socket, (_head, body) => heard.push(body)), { silenceMs: SILENCE_MS });
    const command = grantWhere(() => true);
    expect(await sender.execute(command)).toMatchObject({ ok: true });
    const sent = JSON.parse(heard[0]!) as { commands: Array<{ fields: { context: RequestContext } }> };
    const first = sent.commands[0]!.fields.context;
    const again = contextOf(sender.decided[0]);
    expect(first.forwarded).toBe('first');
    expect(again.forwarded).toBe('again');
    expect(internalCommandId(again.idempotencyKey)).not.toBeNull();
    expect(again.idempotencyKey).toBe(first.idempotencyKey);

    const heardBefore = heard.filter((body) => body.includes('GrantCredits')).length;
    await sender.execute(command);
    expect(contextOf(sender.decided[1])).toBe(command.context);
    expect(heard.filter((body) => body.includes('GrantCredits'))).toHaveLength(heardBefore);
    expect(sender.routing.health()).toMatchObject({ status: 'degraded', forwarded: 1, fallenBack: 1 });
  });

  it('keeps the key of its client when it is decided again', async () => {
    const { sender } = await facing((socket) => onRequests(socket, () => socket.destroy()));
    await sender.execute(grantWhere(() => true, { idempotencyKey: 'k' }));
    expect(contextOf(sender.decided[0])).toMatchObject({ idempotencyKey: 'k', forwarded: 'again' });
  });

  it('is decided again as it is where the account’s own record is its guard', async () => {
    const { sender } = await facing((socket) => onRequests(socket, () => socket.destroy()));
    const command = new BookDue('acme', 'a');
    await sender.execute(command);
    expect(sender.decided).toEqual([command]);
  });

  it('is decided here as if it had never been sent where nobody listens', async () => {
    const { sender, ghost } = await facing(() => undefined);
    await new Promise((resolve) => ghost.server.close(resolve));
    const command = grantWhere(() => true);
    await sender.execute(command);
    expect(sender.decided[0]).toBe(command);
  });

  it.each([
    ['in the middle of an answer', (socket: Socket) => socket.write(OK + 'ff\r\nabc', () => socket.destroy())],
    ['with an answer of nobody', (socket: Socket) => socket.write(OK + chunk(`${'A'.repeat(43)} [{"n":0,"result":{"ok":true}}]\n`) + END)],
    ['with something else than an answer', (socket: Socket) => socket.write('HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n')],
    ['with no answer to it', (socket: Socket) => socket.write(OK + END)],
  ])('is decided again when the exchange ends %s', async (_how, answer) => {
    const { sender } = await facing((socket) => onRequests(socket, () => answer(socket)));
    expect(await sender.execute(grantWhere(() => true))).toMatchObject({ ok: true });
    expect(contextOf(sender.decided[0]).forwarded).toBe('again');
  });

  it('is not decided twice by this process when the owner answers some of a batch before it dies', async () => {
    const { sender } = await facing((socket) =>
      onRequests(socket, (head, body) => {
        const { commands } = JSON.parse(body) as { commands: unknown[] };
        if (commands.length === 0) return;
        const answer = JSON.stringify({ n: 0, result: { ok: true, view: 'by the owner', position: '1', replayed: false } });
        socket.write(OK + chunk(answerLine(SECRET, nameOf(head), 0, [answer])), () => socket.destroy());
      }),
    );
    const command = grantWhere(() => true);
    const answers = await Promise.all([sender.execute(command), sender.execute(command), sender.execute(command)]);
    expect(answers.map((answer) => (answer as unknown as { view: unknown }).view)).toEqual([
      'by the owner',
      { decided: 'GrantCredits' },
      { decided: 'GrantCredits' },
    ]);
    expect(sender.decided).toHaveLength(2);
  });

  it('goes to the owner again once that answers', async () => {
    let isSilent = true;
    const { sender } = await facing(
      (socket) =>
        onRequests(socket, (head, body) => {
          if (isSilent) return;
          const { commands } = JSON.parse(body) as { commands: Array<{ n: number }> };
          const answers = commands.map(({ n }) => JSON.stringify({ n, result: { ok: true, view: 'by the owner', position: '1' } }));
          socket.write(OK + chunk(answerLine(SECRET, nameOf(head), 0, answers)) + END);
        }),
      { silenceMs: SILENCE_MS },
    );
    await sender.execute(grantWhere(() => true));
    expect(sender.decided).toHaveLength(1);
    isSilent = false;
    await until(() => sender.routing.addressOf(0) !== null);
    expect(await sender.execute(grantWhere(() => true))).toMatchObject({ view: 'by the owner' });
    expect(sender.decided).toHaveLength(1);
  });

  it('is not given up while the owner lives, however long it takes', async () => {
    // It says something every 400 ms.
    const silenceMs = 5_000;
    const owner = await members.start({
      decide: async (command) => {
        const endMs = performance.now() + silenceMs + 500;
        await until(() => performance.now() > endMs);
        return answerPlainly(command);
      },
    });
    const sender = await members.start({ mode: 'forward', limits: { silenceMs } });
    await until(() => Array.from({ length: BUCKETS }, (_, bucket) => bucket).every((bucket) => sender.routing.addressOf(bucket) !== null));
    expect(await sender.execute(grantWhere(() => true))).toMatchObject({ ok: true });
    expect(sender.decided).toEqual([]);
    expect(owner.decided).toHaveLength(1);
  });
});
