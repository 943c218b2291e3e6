// Leg v: how fast a log of attempts is taken in through the API, new and a second time, beside a script that inserts its lines into a table.
import { Readable } from 'node:stream';
import pg from 'pg';
import { ADMIN_KEY } from '../client.js';
import { median } from '../load.js';
import type { LegResult } from '../report.js';
import { startServer } from '../servers.js';

const ROWS_PER_STATEMENT = 500;
const LINES_PER_CHUNK = 250;

export interface ImportOptions {
  databaseUrl: string;
  rounds: number;
  /** Of the log of each round. */
  lines: number;
}

interface Round {
  fresh: number;
  again: number;
  script: number;
  rssMb: number;
}

/** The API role alone, on the default settings; the client is on the same cores. */
export async function importLeg({ databaseUrl, rounds, lines }: ImportOptions): Promise<LegResult> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  const server = await startServer('apps/api/src/main.js', { DATABASE_URL: databaseUrl, ADMIN_API_KEY: ADMIN_KEY }, '/healthz');
  const raw: Round[] = [];
  try {
    await pool.query('CREATE TABLE bench_attempts (id text PRIMARY KEY, attempt jsonb NOT NULL)');
    // One to warm up.
    for (let round = 0; round <= rounds; round += 1) {
      const log = (): Iterable<Buffer> => logOf(round, lines);
      const fresh = await rate(lines, () => imported(server.port, log(), { accepted: lines, duplicates: 0 }));
      const again = await rate(lines, () => imported(server.port, log(), { accepted: 0, duplicates: lines }));
      const script = await rate(lines, () => inserted(pool, log()));
      if (round > 0) raw.push({ fresh, again, script, rssMb: server.rssMb() });
    }
  } finally {
    await server.stop();
    await pool.end();
  }
  const of = (pick: (round: Round) => number): number => median(raw.map(pick));
  const figure = (what: string, value: number, unit: string) => ({ leg: 'v', what, value, unit });
  return {
    leg: 'v',
    title: `a log of ${lines.toLocaleString('en')} attempts taken in`,
    figures: [
      figure(
        'import, every line new',
        of(({ fresh }) => fresh),
        'lines/s',
      ),
      figure(
        'import, every line a duplicate',
        of(({ again }) => again),
        'lines/s',
      ),
      figure(
        `a script: JSON.parse and INSERT … ON CONFLICT, ${ROWS_PER_STATEMENT} a statement`,
        of(({ script }) => script),
        'lines/s',
      ),
      figure(
        'import beside the script',
        of(({ fresh, script }) => fresh / script),
        '×',
      ),
      figure('memory of the API after the last import', Math.max(...raw.map(({ rssMb }) => rssMb)), 'MB'),
    ],
    raw,
  };
}

async function rate(lines: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (lines / (performance.now() - startedAt)) * 1000;
}

function* logOf(round: number, lines: number): Iterable<Buffer> {
  for (let from = 0; from < lines; from += LINES_PER_CHUNK)
    yield Buffer.from(
      Array.from({ length: Math.min(LINES_PER_CHUNK, lines - from) }, (_, n) => line(`gen_${round}_${from + n}`, from + n)).join(''),
    );
}

function line(id: string, n: number): string {
  const isUsable = n % 6 === 0;
  return `${JSON.stringify({
    ...{ id, brief_id: `bf_${n % 50}`, prompt_id: 'pr_003', prompt_version: `v${(n % 3) + 1}`, model: `video-model-${n % 2}` },
    ...{ duration_seconds: 5 + (n % 4), credits_used: 35 + (n % 20), generation_cost_usd: 0.42 + (n % 50) / 100 },
    ...{ asset_url: `s3://ai-video-pilots/bf/${id}.mp4`, status: isUsable ? 'published' : 'rejected_quality' },
    ...{ rejection_reason: isUsable ? null : 'too_generic', review_minutes: n % 7, editing_minutes: 0, published: isUsable },
    created_at: '2026-05-21T12:00:00Z',
  })}\n`;
}

async function imported(port: number, log: Iterable<Buffer>, expected: { accepted: number; duplicates: number }): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/attempts/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/x-ndjson' },
    body: Readable.toWeb(Readable.from(log)),
    duplex: 'half',
  });
  const answer = (await response.json()) as typeof expected;
  if (response.status !== 200 || answer.accepted !== expected.accepted || answer.duplicates !== expected.duplicates)
    throw new Error(`an import answered ${response.status}: ${JSON.stringify(answer).slice(0, 500)}`);
}

async function inserted(pool: pg.Pool, log: Iterable<Buffer>): Promise<void> {
  let ids: string[] = [];
  let attempts: string[] = [];
  const flush = async (): Promise<void> => {
    const text = 'INSERT INTO bench_attempts SELECT * FROM unnest($1::text[], $2::jsonb[]) ON CONFLICT (id) DO NOTHING';
    await pool.query({ name: 'bench_attempts', text, values: [ids, attempts] });
    [ids, attempts] = [[], []];
  };
  for (const chunk of log)
    for (const each of chunk.toString().trimEnd().split('\n')) {
      ids.push((JSON.parse(each) as { id: string }).id);
      attempts.push(each);
      if (ids.length === ROWS_PER_STATEMENT) await flush();
    }
  if (ids.length > 0) await flush();
}
