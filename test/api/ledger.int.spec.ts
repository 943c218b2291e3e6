import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isConsistent, isIncluded, leafHash, openCheckpoint, parseReceiptFile, VerifierKey, verifyReceipt } from '#libs/proof';
import { until } from '../support/until.js';
import { createApiWorld, type ApiWorld } from './api-world.js';

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');

describe('the proofs of the ledger', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcredits-ledger-'));
  let world: ApiWorld;
  let key: VerifierKey;
  const get = (path: string, options = {}) => world.call('GET', path, undefined, options);

  beforeAll(async () => {
    world = await createApiWorld({ DATA_DIR: dataDir });
    const published = await get('/v1/ledger/key', { key: null });
    expect(published.status).toBe(200);
    key = VerifierKey.parse(published.body.vkey as string) as VerifierKey;
    expect(published.body).toMatchObject({ origin: key.origin, algorithm: 'Ed25519', publicKey: key.publicKey.toString('base64') });
  });
  afterAll(async () => {
    await world.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('show a head over every fact recorded before the request, signed, and a new one only where the log has grown', async () => {
    const account = await world.call('POST', '/v1/accounts', { id: 'proven', name: 'Proven', plan: 'pro' });
    const head = await get('/v1/ledger/head');
    expect(head.body.position >= account.body.position).toBe(true);
    expect(openCheckpoint(head.body.checkpoint as string, key)).toMatchObject({
      treeSize: head.body.treeSize,
      position: head.body.position,
      time: head.body.time,
    });
    const note = await get('/v1/ledger/head', { headers: { accept: 'text/plain' }, unchecked: true });
    expect(note).toMatchObject({ text: head.body.checkpoint, headers: { 'content-type': 'text/plain; charset=utf-8' } });
    await world.call('POST', '/v1/accounts', { id: 'grown', name: 'Grown', plan: 'pro' });
    const grown = await get('/v1/ledger/head');
    expect(grown.body.treeSize).toBeGreaterThan(head.body.treeSize as number);
    const first = await get('/v1/ledger/heads?limit=1');
    expect(first.body.data).toEqual([grown.body]);
    const second = await get(`/v1/ledger/heads?limit=1&cursor=${first.body.nextCursor as string}`);
    expect(second.body.data).toEqual([head.body]);
  });

  it('prove that a fact is in the log, under a fresh head and under an older one', async () => {
    const old = (await get('/v1/ledger/head')).body;
    const { body: account } = await world.call('POST', '/v1/accounts', { id: 'in', name: 'In', plan: 'free' });
    const proof = (await get(`/v1/ledger/proof?position=${account.position as string}`)).body;
    const path = (proof.inclusionPath as string[]).map(bytes);
    expect(JSON.parse(bytes(proof.leaf as string).toString())).toMatchObject({
      id: proof.eventId,
      stream: 'account-default.in',
      revision: 1,
    });
    expect(leafHash(bytes(proof.leaf as string)).toString('base64')).toBe(proof.leafHash);
    const head = openCheckpoint(proof.checkpoint as string, key);
    if (typeof head === 'string') throw new Error(head);
    expect(isIncluded(bytes(proof.leafHash as string), proof.leafIndex as number, head.treeSize, path, head.rootHash)).toBe(true);

    const earlier = (await get(`/v1/ledger/proof?position=${old.position as string}&treeSize=${old.treeSize as number}`)).body;
    expect(earlier).toMatchObject({ leafIndex: old.treeSize - 1, rootHash: old.rootHash, checkpoint: old.checkpoint });
    const grownBy = (await get(`/v1/ledger/consistency?from=${old.treeSize as number}&to=${head.treeSize}`)).body;
    expect(
      isConsistent(old.treeSize as number, head.treeSize, bytes(old.rootHash as string), head.rootHash, grownBy.consistencyPath.map(bytes)),
    ).toBe(true);
    expect(grownBy.checkpoint).toBe(proof.checkpoint);
    const same = (await get(`/v1/ledger/consistency?from=${head.treeSize}&to=${head.treeSize}`)).body;
    expect(same).toMatchObject({ fromRoot: same.toRoot, consistencyPath: [] });
  });

  it('refuse what is not there, and what is another tenant’s', async () => {
    const { treeSize, position } = (await get('/v1/ledger/head')).body as { treeSize: number; position: string };
    const other = await world.newKey(['admin'], { tenant: 'acme' });
    expect((await get(`/v1/ledger/proof?position=${position}`, { key: other })).body.code).toBe('not_found');
    expect((await get(`/v1/ledger/proof?position=${'9'.repeat(16)}`)).status).toBe(404);
    for (const query of [
      'proof',
      'proof?position=1',
      `proof?position=${position}&treeSize=${treeSize + 1}`,
      `proof?position=${position}&treeSize=1`,
      `proof?position=${position}&treeSize=-1`,
      'consistency',
      'consistency?from=0&to=1',
      'consistency?from=2&to=1',
      `consistency?from=1&to=${treeSize + 1}`,
      'heads?cursor=nonsense',
      'heads?limit=0',
    ])
      expect([query, (await get(`/v1/ledger/${query}`)).body.code]).toEqual([query, 'validation_failed']);
    expect((await get('/v1/ledger/head', { key: null })).status).toBe(401);
  });

  it('go with a receipt into a file that proves itself with the public key alone, and not when anything in it is another', async () => {
    const submit = {
      accountId: 'proven',
      model: 'kling-ai-5s',
      prompt: 'a clip',
      parameters: { simulate: { outcome: 'succeed', afterMs: 1, deliveredFraction: 0.5 } },
    };
    const { body: task } = await world.call('POST', '/v1/tasks', submit);
    expect(task).toMatchObject({ status: 'pending' });
    await until(async () => (await get(`/v1/tasks/${task.id as string}`)).body.settlement !== 'open');
    await world.call('POST', `/v1/tasks/${task.id as string}/refunds`, { credits: 5, reason: 'sorry' });
    const answer = await get(`/v1/tasks/${task.id as string}/receipt?proof=true`);
    expect(answer).toMatchObject({ status: 200 });
    const verdict = verifyReceipt(parseReceiptFile(answer.text), key);
    expect(verdict).toMatchObject({ ok: true, taskId: task.id, charged: 30, errors: [] });
    expect(verdict.facts).toBeGreaterThanOrEqual(4);
    expect((await get(`/v1/tasks/${task.id as string}/receipt?proof=false`)).body).toEqual(answer.body.receipt);

    const forged = (change: (file: typeof answer.body) => void): string[] => {
      const file = JSON.parse(answer.text);
      change(file);
      return verifyReceipt(parseReceiptFile(JSON.stringify(file)), key).errors;
    };
    expect(forged((file) => (file.receipt.charged = 0))[0]).toMatch(/^0 credits charged do not follow/);
    expect(forged((file) => (file.receipt.lines[1].credits = 1))[0]).toMatch(/^line 2 says 1 credits/);
    expect(forged((file) => (file.receipt.lines[1].eventId = 'evt_0'))[0]).toMatch(/^line 2 names evt_0/);
    expect(forged((file) => (file.receipt.lines[1].position = '0'))[0]).toMatch(/^line 2 says position 0/);
    expect(forged((file) => (file.facts[0].leafIndex = 0))[0]).toMatch(/is not in the tree/);
    expect(forged((file) => (file.facts[0].leaf = bytes(file.facts[0].leaf).toString().replace('7', '8')))[0]).toMatch(
      /is not in the tree/,
    );
    expect(forged((file) => (file.checkpoint = file.checkpoint.replace('time 2', 'time 1')))[0]).toMatch(/not signed by the key/);
    const stranger = VerifierKey.parse(answer.body.vkey as string);
    expect(stranger).toEqual(key);
    expect(() => parseReceiptFile('{}')).toThrow('it is no receipt file');
    expect(() => parseReceiptFile('{"format":"rollcredits-receipt/1","receipt":{}}')).toThrow('a part of the receipt file is missing');
  });
});
