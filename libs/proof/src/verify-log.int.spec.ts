import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newCommandId } from '#libs/kernel';
import { NO_STREAM, PostgresEventStore } from '#libs/event-store';
import { Lease } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { HeadSigner, openCheckpoint, type Head } from './checkpoint.js';
import { LedgerProofs } from './ledger-proofs.js';
import { buildProof, PROOF_LEASE } from './proof-builder.js';
import { ProofTables } from './proof-tables.postgres.js';
import { verifyLog, type Difference, type VerifyLogOptions } from './verify-log.js';

const FACTS = 600;
/** A builder that lost its lease would leave the tree behind: no machine stands still for that long. */
const PATIENT_MS = 60_000;
/** With the hole. */
const LAST = FACTS + 11;
const signer = new HeadSigner('rollcredits.local/test', generateKeyPairSync('ed25519').privateKey);
let database: TestDatabase;
let store: PostgresEventStore;
let tables: ProofTables;
let proofs: LedgerProofs;
let stopBuilding: () => Promise<void>;

async function append(count: number, from = 0): Promise<void> {
  const stream = `account-t1.acc_${from}`;
  for (let n = 0; n < count; n += 100) {
    const facts = Array.from({ length: Math.min(100, count - n) }, (_, k) => ({
      type: 'Put',
      schemaVersion: 1,
      data: { n: from + n + k },
    }));
    const meta = { commandId: newCommandId(), tenant: 't1', actor: 'key_1', correlationId: 'r', causationId: null, requestHash: null };
    const appended = await store.append({ meta, appends: [{ stream, expectedRevision: n === 0 ? NO_STREAM : n - 1, facts }] });
    expect(appended.ok).toBe(true);
  }
}

/** A stale command and a good one in one group: the stale one's place in the log stays empty. */
async function leaveHole(): Promise<void> {
  const command = (stream: string, expectedRevision: number) => {
    const meta = { commandId: newCommandId(), tenant: 't1', actor: 'key_1', correlationId: 'r', causationId: null, requestHash: null };
    return { meta, appends: [{ stream, expectedRevision, facts: [{ type: 'Put', schemaVersion: 1, data: { n: 0 } }] }] };
  };
  const answers = await Promise.all([store.append(command('account-t1.acc_0', 3)), store.append(command('account-t1.good', NO_STREAM))]);
  expect(answers.map(({ ok }) => ok)).toEqual([false, true]);
}

beforeEach(async () => {
  database = await createTestDatabase();
  store = new PostgresEventStore({ pool: database.pool });
  tables = new ProofTables(database.pool);
  proofs = new LedgerProofs({ store, tables, signer, clock: { now: () => Date.now() }, timeoutMs: PATIENT_MS });
  const lease = new Lease(database.pool, PROOF_LEASE, { ttlMs: PATIENT_MS });
  await lease.acquire();
  const ending = new AbortController();
  const building = buildProof(store, tables, lease, ending.signal, { batchSizeMax: 77 });
  stopBuilding = async () => {
    ending.abort();
    await building;
    await lease.release();
  };
  await append(FACTS);
  await proofs.head();
  await leaveHole();
  await append(9, FACTS + 1);
  await proofs.head();
  await stopBuilding();
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

const verify = (more: Partial<VerifyLogOptions> = {}) => verifyLog({ store, tables, key: signer.verifier, ...more });
const found = async (more?: Partial<VerifyLogOptions>): Promise<Difference | null> => (await verify(more)).difference;
const sql = (text: string): Promise<unknown> => database.pool.query(text);
const at = (position: number): string => String(position).padStart(16, '0');
const headOf = async (): Promise<Head> => openCheckpoint((await proofs.heads(1, null))[0]!.checkpoint, signer.verifier) as Head;

describe('a log that nobody touched', () => {
  it('verifies whole, and against a head that somebody kept', async () => {
    const kept = await headOf();
    let seen = 0;
    const verdict = await verify({ kept, onFact: () => ((seen += 1), null) });
    expect(verdict).toMatchObject({ facts: FACTS + 10, treeSize: FACTS + 10, position: at(LAST), difference: null });
    expect(verdict.rootHash).toEqual(kept.rootHash);
    expect(seen).toBe(FACTS + 10);
  });

  it('may have facts that no tree has yet', async () => {
    await append(5, 10_000);
    expect(await verify()).toMatchObject({ facts: FACTS + 10, difference: null });
  });

  it('does not verify against a head that is not of it', async () => {
    const kept = await headOf();
    expect(await found({ kept: { ...kept, rootHash: Buffer.alloc(32) } })).toMatchObject({ kind: 'head', row: String(FACTS + 10) });
    expect(await found({ kept: { ...kept, treeSize: 10_000 } })).toMatchObject({ kind: 'head', row: '10000' });
    const other = new HeadSigner('rollcredits.local/test', generateKeyPairSync('ed25519').privateKey).verifier;
    expect(await found({ key: other })).toMatchObject({ kind: 'head', actual: 'it is not signed by the key' });
  });
});

describe('a log that was touched', () => {
  it.each([
    ['a digit of a fact', `UPDATE events SET data = replace(data, '{"n":300}', '{"n":301}') WHERE pos = 301`],
    ['who caused a fact', `UPDATE events SET meta = replace(meta, 'key_1', 'key_2') WHERE pos = 301`],
    ['when a fact was recorded', `UPDATE events SET recorded_at_ms = recorded_at_ms + 1 WHERE pos = 301`],
    ['what a fact is', `UPDATE events SET type = 'Taken' WHERE pos = 301`],
  ])('shows that somebody changed %s', async (_what, change) => {
    await sql(change);
    expect(await found()).toMatchObject({
      kind: 'fact_changed',
      position: at(301),
      eventId: expect.stringMatching(/^evt_/),
      table: 'events',
    });
  });

  it.each([301, 1, LAST])('shows that fact %i was removed', async (pos) => {
    await sql(`DELETE FROM events WHERE pos = ${pos}`);
    expect(await found()).toMatchObject({ kind: 'fact_missing', position: at(pos) });
  });

  it('shows that a fact was slipped into a hole that a refused command had left', async () => {
    const { rows } = await database.pool.query<{ pos: string }>(
      `SELECT pos + 1 AS pos FROM events AS e WHERE NOT EXISTS (SELECT 1 FROM events AS n WHERE n.pos = e.pos + 1) ORDER BY pos LIMIT 1`,
    );
    const place = Number(rows[0]!.pos);
    expect(place).toBeLessThan(LAST);
    await sql(`INSERT INTO events (pos, recorded_at_ms, rev, schema_version, command_index, stream, type, meta, data)
               SELECT ${place}, recorded_at_ms, 0, 1, 0, 'account-t1.new', type, meta, data FROM events WHERE pos = 1`);
    expect(await found()).toMatchObject({ kind: 'fact_inserted', position: at(place), eventId: expect.stringMatching(/^evt_/) });
  });

  it('shows that two facts changed places, with their instants and without', async () => {
    const swap = async (): Promise<void> => {
      await sql(`UPDATE events SET pos = -1 WHERE pos = 100`);
      await sql(`UPDATE events SET pos = 100 WHERE pos = 500`);
      await sql(`UPDATE events SET pos = 500 WHERE pos = -1`);
    };
    await swap();
    expect(await found()).toMatchObject({ kind: 'fact_order', position: at(100), expected: `what now stands at ${at(500)}` });
    await swap();
    expect(await found()).toBeNull();
    await sql(
      `UPDATE events AS a SET recorded_at_ms = b.recorded_at_ms FROM events AS b WHERE a.pos IN (100, 500) AND b.pos = 600 - a.pos`,
    );
    await swap();
    expect(await found()).toMatchObject({ kind: 'fact_order', position: at(100) });
  });

  it('shows it by the signed heads where the tree was made anew with it', async () => {
    await sql(`UPDATE events SET data = '{"n":0}' WHERE pos = 301`);
    await sql(`DELETE FROM proof_tiles`);
    await sql(`UPDATE proof_log SET size = 0, position = '${at(0)}', last_position = ''`);
    const lease = new Lease(database.pool, PROOF_LEASE, { ttlMs: PATIENT_MS });
    await lease.acquire();
    const ending = new AbortController();
    await buildProof(store, tables, lease, ending.signal, { onBatch: ({ size }) => size === FACTS + 10 && ending.abort() });
    await lease.release();
    expect(await found()).toMatchObject({ kind: 'head', position: at(FACTS), table: 'proof_heads', row: String(FACTS) });
  });

  it('shows that a head, a tile or the count of facts was changed', async () => {
    await sql(
      `UPDATE proof_heads SET checkpoint = replace(checkpoint, E'\\n${FACTS}\\n', E'\\n${FACTS - 1}\\n') WHERE tree_size = ${FACTS}`,
    );
    expect(await found()).toMatchObject({ kind: 'head', row: String(FACTS) });
    await sql(`DELETE FROM proof_heads WHERE tree_size = ${FACTS}`);
    await sql(`UPDATE proof_log SET size = ${FACTS - 5}, position = '${at(FACTS - 5)}'`);
    expect(await found()).toMatchObject({ kind: 'head', row: String(FACTS + 10), actual: `${FACTS - 5} facts` });
    await sql(`UPDATE proof_log SET size = ${FACTS + 10}, position = '${at(LAST)}'`);
    await sql(`DELETE FROM proof_tiles WHERE level = 0 AND index = 1`);
    expect(await found()).toMatchObject({ kind: 'head', table: 'proof_tiles', row: '0/1' });
  });
});
