// Leg s: the bytes that a task costs for good: in the log, in the read models, in the log of changes that PostgreSQL writes, and on Kafka.
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { categoryOf, toCloudEvent } from '#apps/relay';
import { POSITION_START, PostgresEventStore, type StoredFact } from '#libs/event-store';
import { ADMIN_KEY, call, inParallel, openAccounts, taskBody } from '../client.js';
import type { LegResult } from '../report.js';
import { startServer } from '../servers.js';

const ACCOUNTS = 100;
/** What Kafka's record format adds to a message, beside its key, value and headers: lengths, offset and time as variable-length numbers. */
const RECORD_OVERHEAD_BYTES = 12;

const SIZES = `
  SELECT c.relname AS name, pg_total_relation_size(c.oid)::float8 AS bytes
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE n.nspname = 'public' AND c.relkind = 'r'`;

interface Sizes {
  log: number;
  readModels: number;
  rest: number;
}

export async function storageLeg({ databaseUrl, tasks }: { databaseUrl: string; tasks: number }): Promise<LegResult> {
  const env = { DATABASE_URL: databaseUrl, ADMIN_API_KEY: ADMIN_KEY };
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const server = await startServer('apps/standalone/src/main.js', env, '/readyz');
  try {
    await openAccounts(server.port, ACCOUNTS, 'store-');
    const before = await sizes(pool);
    const walBefore = await wal(pool);
    const head = (await pool.query<{ pos: string }>('SELECT lpad(pos::text, 16, $1) AS pos FROM log_head', ['0'])).rows[0]!.pos;
    await inParallel(tasks, 32, async (n) => {
      const body = taskBody({ accountId: `store-${n % ACCOUNTS}`, simulate: { outcome: 'succeed', afterMs: 0 } });
      const { status } = await call(server.port, 'POST', '/v1/tasks', body);
      if (status !== 202) throw new Error(`a submission answered ${status}`);
    });
    while ((await open(pool, tasks)) > 0) await wait(100);
    const walBytes = (await wal(pool)) - walBefore;
    const after = await sizes(pool);
    const { facts, bytes } = await onKafka(pool, head);
    const each = (what: keyof Sizes): number => (after[what] - before[what]) / tasks;
    const figure = (what: string, value: number, unit = 'bytes/task') => ({ leg: 's', what, value, unit });
    return {
      leg: 's',
      title: `bytes that a task costs, ${tasks.toLocaleString('en')} tasks that succeed, indexes included`,
      figures: [
        figure('facts', facts / tasks, '/task'),
        figure('log', each('log')),
        figure('read models', each('readModels')),
        figure('snapshots, rows of the orchestrator and of the simulator', each('rest')),
        figure('write-ahead log of PostgreSQL', walBytes / tasks),
        figure('Kafka, one copy, uncompressed', bytes / tasks),
      ],
      raw: { tasks, before, after, walBytes, facts, kafkaBytes: bytes },
    };
  } finally {
    await server.stop();
    await pool.end();
  }
}

async function sizes(pool: pg.Pool): Promise<Sizes> {
  // What updates left behind is space that the next ones use: it is no growth.
  await pool.query('VACUUM FULL');
  const { rows } = await pool.query<{ name: string; bytes: number }>(SIZES);
  const sum = (pick: (name: string) => boolean): number =>
    rows.filter(({ name }) => pick(name)).reduce((total, { bytes }) => total + bytes, 0);
  const isReadModel = (name: string): boolean => /_v\d+$/.test(name);
  return {
    log: sum((name) => name === 'events'),
    readModels: sum(isReadModel),
    rest: sum((name) => name !== 'events' && !isReadModel(name)),
  };
}

async function wal(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ bytes: number }>(`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS bytes`);
  return rows[0]!.bytes;
}

/** Tasks that are not settled or not projected yet. */
async function open(pool: pg.Pool, tasks: number): Promise<number> {
  const { rows } = await pool.query<{ live: number; done: number }>(
    `SELECT (SELECT count(*)::int FROM live_tasks WHERE NOT is_settled) AS live, (SELECT count(*)::int FROM task WHERE status = 'completed') AS done`,
  );
  return rows[0]!.live + Math.max(0, tasks - rows[0]!.done);
}

/** The very messages that the relay would send, counted as Kafka's record format writes them. */
async function onKafka(pool: pg.Pool, after: string): Promise<{ facts: number; bytes: number }> {
  const store = new PostgresEventStore({ pool });
  let position = after === '' ? POSITION_START : after;
  let facts = 0;
  let bytes = 0;
  for (;;) {
    const page = await store.readAll({ after: position, limit: 1000 });
    facts += page.facts.length;
    bytes += page.facts.reduce((total, fact) => total + recordBytes(fact), 0);
    if (page.position === position || page.atEnd) break;
    position = page.position;
  }
  await store.close();
  return { facts, bytes };
}

function recordBytes(fact: StoredFact): number {
  const category = categoryOf(fact);
  if (category === null) return 0;
  const { key, value, headers } = toCloudEvent(fact, category, 'bench');
  // Each header's name and value have a length of one byte before them (two from 64 on; few are that long).
  const inHeaders = Object.entries(headers).reduce(
    (total, [name, text]) => total + Buffer.byteLength(name) + Buffer.byteLength(text) + 2,
    0,
  );
  return RECORD_OVERHEAD_BYTES + Buffer.byteLength(key) + Buffer.byteLength(value ?? '') + inHeaders;
}
