import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { DeploymentSecret } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { request, Members, RELEASE, SECRET, type Member } from './testing/members.js';
import { HEADERS, HeardRequests, readAnswerLine, signRequest, type RequestName } from './wire.js';

let database: TestDatabase;
let members: Members;
let owner: Member;
let boot: string;

beforeAll(async () => {
  database = await createTestDatabase();
  members = new Members(database.pool);
});
beforeEach(async () => {
  owner = await members.start();
  const { rows } = await database.pool.query<{ boot: string }>(
    `SELECT detail->>'boot' AS boot FROM leases WHERE name LIKE 'accounts/%' AND detail->>'address' = $1 LIMIT 1`,
    [owner.routing.address],
  );
  boot = rows[0]!.boot;
});
afterEach(() => members.stop());
afterAll(() => database.drop());

const fields = { context: request(), accountId: 'a', input: { bucket: 'purchased', credits: 5 } };
const batch = (changes: object = {}): string =>
  JSON.stringify({
    version: RELEASE,
    clockOffsetMs: 0,
    catalogueAt: '0000000000000000',
    commands: [{ n: 0, type: 'GrantCredits', bucket: 0, fields }],
    ...changes,
  });

interface Sending {
  body?: string;
  name?: Partial<RequestName>;
  secret?: DeploymentSecret;
  headers?: Record<string, string>;
  path?: string;
  method?: string;
  /** Sent in place of what was signed. */
  tampered?: string;
}

function send({
  body = batch(),
  name = {},
  secret = SECRET,
  headers = {},
  path = '/forward',
  method = 'POST',
  tampered,
}: Sending = {}): Promise<{
  status: number;
  text: string;
  name: RequestName;
}> {
  const full: RequestName = { boot, sender: randomUUID(), sequence: 1, ...name };
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      new URL(path, owner.routing.address!),
      {
        method,
        headers: {
          'content-length': Buffer.byteLength(tampered ?? body),
          [HEADERS.boot]: full.boot,
          [HEADERS.sender]: full.sender,
          [HEADERS.sequence]: full.sequence,
          [HEADERS.signature]: signRequest(secret, full, body),
          ...headers,
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('close', () => resolve({ status: response.statusCode!, text, name: full }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(tampered ?? body);
  });
}

describe('the internal address', () => {
  it('lets in what the deployment signed, and signs each line that it answers', async () => {
    const { status, text, name } = await send();
    expect(status).toBe(200);
    const lines = text.trimEnd().split('\n');
    const answers = lines.flatMap((line, index) => readAnswerLine(SECRET, name, index, line)!);
    expect(answers).toEqual([
      { n: 0, result: { ok: true, view: { decided: 'GrantCredits' }, position: '0000000000000009', replayed: false } },
    ]);
    expect(readAnswerLine(SECRET, { ...name, sequence: 2 }, 0, lines[0]!)).toBeNull();
    expect(readAnswerLine(SECRET, name, 1, lines[0]!)).toBeNull();
    expect(owner.decided).toHaveLength(1);
  });

  it.each<[string, number, () => Sending]>([
    ['signed by nobody', 401, () => ({ headers: { [HEADERS.signature]: 'A'.repeat(43) } })],
    ['signed with another secret', 401, () => ({ secret: new DeploymentSecret(Buffer.alloc(32, 8)) })],
    ['changed on the way', 401, () => ({ tampered: batch().replace('"credits":5', '"credits":9') })],
    ['meant for another start of a process', 401, () => ({ name: { boot: randomUUID() } })],
    ['whose sender has no name', 401, () => ({ name: { sender: 'x' } })],
    ['of another release', 409, () => ({ body: batch({ version: 'test/0' }) })],
    ['that is too large', 413, () => ({ headers: { 'content-length': '100000000' } })],
    ['to another path', 404, () => ({ path: '/v1/accounts' })],
    ['by another method', 404, () => ({ method: 'PUT' })],
  ])('refuses a batch %s', async (_what, status, sending) => {
    // What is too large is cut off while it is still being sent: then the status may not be heard.
    const refused = await send(sending()).then(
      (answer) => answer.status,
      (error: unknown) => (error as NodeJS.ErrnoException).code,
    );
    expect([status, 'ECONNRESET', 'EPIPE']).toContain(refused);
    expect(owner.decided).toEqual([]);
  });

  it('refuses a batch that it has heard before, whatever any clock says', async () => {
    const sender = randomUUID();
    expect((await send({ name: { sender, sequence: 5 } })).status).toBe(200);
    expect((await send({ name: { sender, sequence: 5 } })).status).toBe(409);
    expect((await send({ name: { sender, sequence: 4 } })).status).toBe(200);
    expect(owner.decided).toHaveLength(2);
  });

  it('declines a command that it cannot know, or on an account that it does not own', async () => {
    const other = await members.start();
    const bucket = await new Promise<number>((resolve) => {
      const look = (): void => {
        const found = Array.from({ length: 64 }, (_, each) => each).find((each) => other.routing.owns(each));
        if (found === undefined) setImmediate(look);
        else resolve(found);
      };
      look();
    });
    const commands = [
      { n: 0, type: 'GrantCredits', bucket, fields },
      { n: 1, type: 'DropTables', bucket: 0, fields },
    ];
    const { text, name } = await send({ body: batch({ commands }) });
    const answers = text
      .trimEnd()
      .split('\n')
      .flatMap((line, index) => readAnswerLine(SECRET, name, index, line)!);
    expect(answers).toEqual([
      { n: 0, declined: true },
      { n: 1, declined: true },
    ]);
    expect(owner.decided).toEqual([]);
  });
});

describe('what was heard', () => {
  it('is told from what was not, also out of order, within a window; what is older counts as heard', () => {
    const heard = new HeardRequests(4);
    expect([10, 9, 10, 9, 8, 6, 7].map((sequence) => heard.isNew('a', sequence))).toEqual([true, true, false, false, true, false, true]);
    for (let sequence = 11; sequence < 100; sequence += 1) expect(heard.isNew('a', sequence)).toBe(true);
    expect([99, 98, 97, 96, 95, 3].map((sequence) => heard.isNew('a', sequence))).toEqual(Array(6).fill(false));
  });

  it('is kept sender by sender, for so many and no more', () => {
    const heard = new HeardRequests(4, 2);
    expect([heard.isNew('a', 1), heard.isNew('b', 1), heard.isNew('a', 1), heard.isNew('c', 1)]).toEqual([true, true, false, false]);
  });
});
