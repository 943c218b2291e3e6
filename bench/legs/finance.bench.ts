// Legs n to q: what proof costs, how fast a ledger is verified and a read model made anew, and how fast the journal leaves, on a generated year.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { generateKeyPairSync } from 'node:crypto';
import { PostgresEventStore } from '#libs/event-store';
import { exportAs } from '#libs/finance';
import { Lease } from '#libs/platform';
import { PostgresFinanceReads, READ_MODEL_LIST, Rebuilds } from '#libs/projections';
import { buildProof, HeadSigner, LedgerProofs, PROOF_LEASE, ProofTables, verifyLog } from '#libs/proof';
import { Harness } from '../../libs/projections/src/testing/harness.js';
import { ManualClock } from '../../libs/projections/src/testing/world.js';
import { Year } from '../../test/year/year.js';
import { median } from '../load.js';
import type { Figure, LegResult } from '../report.js';

const TENANT = 'default';

export interface FinanceLegsOptions {
  databaseUrl: string;
  rounds: number;
  tasks: number;
}

export async function financeLegs({ databaseUrl, rounds, tasks }: FinanceLegsOptions): Promise<LegResult[]> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 });
  const store = new PostgresEventStore({ pool });
  const clock = new ManualClock(Date.UTC(2025, 0));
  try {
    const facts = await live(store, clock, pool, tasks);
    return [
      await proofLeg(store, pool, clock, rounds, facts),
      await verifyLeg(store, pool, rounds, facts),
      await rebuildLeg(store, pool, clock, facts),
      await exportLeg(pool, rounds),
    ];
  } finally {
    await store.close();
    await pool.end();
  }
}

/** A year of all kinds of facts; answers how many. */
async function live(store: PostgresEventStore, clock: ManualClock, pool: pg.Pool, tasks: number): Promise<number> {
  const moved = {
    now: () => clock.now(),
    async set(instant: number): Promise<void> {
      clock.at = instant;
      await pool.query('UPDATE deployment SET clock_offset_ms = $1', [instant - Date.now()]);
    },
  };
  const year = new Year(store, moved, {
    ...{ seed: 20_261_121, accounts: Math.max(20, tasks / 200), tasks, ticksPerDay: 1, from: Date.UTC(2025, 0), months: 12 },
    ...{ tenant: TENANT, lapsedRefund: 'grace', atOnce: 64 },
  });
  await year.run(async (_month, meanwhile) => meanwhile());
  const { rows } = await pool.query<{ facts: string }>('SELECT count(*) AS facts FROM events');
  return Number(rows[0]?.facts);
}

/** The whole log projected from its start, with the tree of proofs built beside it and without. */
async function proofLeg(store: PostgresEventStore, pool: pg.Pool, clock: ManualClock, rounds: number, facts: number): Promise<LegResult> {
  const project = async (proof: boolean): Promise<number> => {
    await pool.query('TRUNCATE proof_tiles');
    await pool.query(`UPDATE proof_log SET size = 0, position = '0000000000000000', last_position = ''`);
    for (const { name, version } of (await pool.query<{ name: string; version: number }>('SELECT name, version FROM projection_versions'))
      .rows) {
      const model = READ_MODEL_LIST.find((one) => one.name === name);
      for (const relation of model?.relations ?? []) await pool.query(`DROP TABLE ${relation}_v${version} CASCADE`);
    }
    await pool.query('TRUNCATE projection_versions');
    const harness = new Harness(store, pool, clock);
    const lease = new Lease(pool, PROOF_LEASE);
    await lease.acquire();
    const ending = new AbortController();
    const startedAt = performance.now();
    harness.engine.start();
    const built = proof
      ? new Promise<void>((resolve) => {
          const onBatch = ({ size }: { size: number }): void => {
            if (size >= facts) resolve();
          };
          void buildProof(store, new ProofTables(pool), lease, ending.signal, { onBatch });
        })
      : Promise.resolve();
    await Promise.all([harness.caughtUp(), built]);
    const tookMs = performance.now() - startedAt;
    ending.abort();
    await harness.engine.stop();
    await lease.release();
    return facts / (tookMs / 1_000);
  };
  const raw: Array<{ with: number; without: number }> = [];
  for (let round = 0; round < rounds; round += 1) {
    const legs = [async () => ({ without: await project(false) }), async () => ({ with: await project(true) })];
    const figures = { with: 0, without: 0 };
    for (const leg of round % 2 === 0 ? legs : legs.reverse()) Object.assign(figures, await leg());
    raw.push(figures);
  }
  // The next legs need the tree.
  await project(true);
  const ratio = median(raw.map((round) => round.with / round.without));
  const figures: Figure[] = [
    { leg: 'n', what: 'facts projected, proof on', value: median(raw.map((round) => round.with)), unit: '/s' },
    { leg: 'n', what: 'facts projected, proof off', value: median(raw.map(({ without }) => without)), unit: '/s' },
    { leg: 'n', what: 'proof on ÷ off', value: ratio, unit: '×', aim: '≥ 0.9', reached: ratio >= 0.9 },
  ];
  return {
    leg: 'n',
    title: `${facts.toLocaleString('en')} facts of a generated year, caught up with from the start by one process`,
    figures,
    raw,
  };
}

async function verifyLeg(store: PostgresEventStore, pool: pg.Pool, rounds: number, facts: number): Promise<LegResult> {
  const tables = new ProofTables(pool);
  const signer = new HeadSigner('rollcredits.local/bench', generateKeyPairSync('ed25519').privateKey);
  await new LedgerProofs({ store, tables, signer, clock: { now: () => Date.now() } }).head();
  const raw: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    const { difference } = await verifyLog({ store, tables, key: signer.verifier });
    if (difference !== null) throw new Error(`the bench ledger differs: ${JSON.stringify(difference)}`);
    raw.push(facts / ((performance.now() - startedAt) / 1_000));
  }
  const figures = [{ leg: 'o', what: 'facts read again, hashed and held against the signed tree', value: median(raw), unit: '/s' }];
  return { leg: 'o', title: 'verify: the whole log', figures, raw };
}

/** Each read model made anew; movements and journal beside a COPY of the rows that they come to. */
async function rebuildLeg(store: PostgresEventStore, pool: pg.Pool, clock: ManualClock, facts: number): Promise<LegResult> {
  const harness = new Harness(store, pool, clock);
  harness.engine.start();
  const rebuilds = new Rebuilds(harness.engine, store, pool, READ_MODEL_LIST);
  const figures: Figure[] = [];
  const raw: Array<{ name: string; factsPerSecond: number; copiesPerSecond: number }> = [];
  for (const { name, relations } of READ_MODEL_LIST) {
    const startedAt = performance.now();
    const { version } = await rebuilds.run(name, { diff: false });
    const rebuildMs = performance.now() - startedAt;
    const copyMs = await copy(
      pool,
      relations.map((relation) => `${relation}_v${version}`),
    );
    const factsPerSecond = facts / (rebuildMs / 1_000);
    raw.push({ name, factsPerSecond, copiesPerSecond: 1_000 / copyMs });
    const isBalance = name === 'balance-by-account';
    figures.push({
      ...{ leg: 'p', what: `${name}: facts`, value: factsPerSecond, unit: '/s' },
      ...(isBalance && { aim: '≥ 50,000', reached: factsPerSecond >= 50_000 }),
    });
    if (name !== 'movements' && name !== 'journal') continue;
    const ratio = copyMs / rebuildMs;
    figures.push({ leg: 'p', what: `${name}: rebuild ÷ COPY of its rows`, value: ratio, unit: '×', aim: '≥ 0.4', reached: ratio >= 0.4 });
  }
  await harness.engine.stop();
  return { leg: 'p', title: 'rebuild: read models made anew from the log', figures, raw };
}

/** How long PostgreSQL takes to read the same rows from a file into tables with the same indexes. */
async function copy(pool: pg.Pool, tables: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcredits-copy-'));
  chmodSync(folder, 0o777);
  let tookMs = 0;
  try {
    for (const table of tables) {
      await pool.query(`COPY ${table} TO '${folder}/${table}'`);
      await pool.query(`CREATE TABLE copied (LIKE ${table} INCLUDING ALL)`);
      const startedAt = performance.now();
      await pool.query(`COPY copied FROM '${folder}/${table}'`);
      tookMs += performance.now() - startedAt;
      await pool.query('DROP TABLE copied');
    }
    return tookMs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function exportLeg(pool: pg.Pool, rounds: number): Promise<LegResult> {
  const reads = new PostgresFinanceReads(pool);
  const raw: Array<{ format: string; megabytesPerSecond: number; heapGrewMb: number }> = [];
  for (const format of ['jsonl', 'csv', 'hledger'] as const) {
    for (let round = 0; round < rounds; round += 1) {
      const heapBefore = process.memoryUsage().heapUsed;
      let heapMost = heapBefore;
      let bytes = 0;
      const startedAt = performance.now();
      for await (const text of exportAs(format, await reads.exportJournal({ tenant: TENANT, accounts: null }, {}))) {
        bytes += Buffer.byteLength(text);
        heapMost = Math.max(heapMost, process.memoryUsage().heapUsed);
      }
      const seconds = (performance.now() - startedAt) / 1_000;
      raw.push({ format, megabytesPerSecond: bytes / 1e6 / seconds, heapGrewMb: (heapMost - heapBefore) / 1e6 });
    }
  }
  const of = (format: string): typeof raw => raw.filter((one) => one.format === format);
  const figures = ['jsonl', 'csv', 'hledger'].flatMap((format): Figure[] => [
    { leg: 'q', what: format, value: median(of(format).map(({ megabytesPerSecond }) => megabytesPerSecond)), unit: 'MB/s' },
    { leg: 'q', what: `${format}: heap grew by at most`, value: Math.max(...of(format).map(({ heapGrewMb }) => heapGrewMb)), unit: 'MB' },
  ]);
  return { leg: 'q', title: 'export of the whole journal', figures, raw };
}
