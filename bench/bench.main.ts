// `npm run bench`: paired figures in one run, alternating rounds, printed as ratios and kept as JSON. `-- --quick` for a short look, `-- --legs b,c`.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrate, startEmbeddedPostgres } from '#libs/platform';
import { importLeg } from './legs/attempt-import.bench.js';
import { coldLoadLegs, holdsLeg } from './legs/event-store.bench.js';
import { eventStoreDbLeg } from './legs/eventstoredb.bench.js';
import { financeLegs } from './legs/finance.bench.js';
import { livesLegs } from './legs/lives.bench.js';
import { failoverLeg, orchestratorsLeg } from './legs/orchestrators.bench.js';
import { relayLeg } from './legs/relay.bench.js';
import { routingLeg } from './legs/routing.bench.js';
import { storageLeg } from './legs/storage.bench.js';
import { briefFreeLeg, reportLeg } from './legs/studio-report.bench.js';
import { submitLegs } from './legs/submit.bench.js';
import { keep, printTable, type LegResult } from './report.js';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, legs: { type: 'string', default: 'a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v' } },
});
const wanted = new Set(values.legs.split(','));
const wants = (...legs: string[]): boolean => legs.some((leg) => wanted.has(leg));
const rounds = values.quick ? 2 : 5;
const legMs = values.quick ? 1500 : 4000;

const dataDir = mkdtempSync(join(tmpdir(), 'rollcredits-bench-'));
// Root's PostgreSQL runs as another user, who has to be able to enter.
chmodSync(dataDir, 0o711);
const postgres = await startEmbeddedPostgres({ dataDir });
const results: LegResult[] = [];
const done = (...legs: LegResult[]): void => {
  const kept = legs.filter(({ leg }) => wanted.has(leg));
  printTable(kept);
  results.push(...kept);
};
try {
  if (wants('a')) done(await holdsLeg({ databaseUrl: await database('bench_a'), rounds, legMs }));
  if (wants('b', 'c', 'd')) done(...(await submitLegs({ databaseUrl: await database('bench_b'), rounds, legMs })));
  if (wants('e', 'f', 'h')) {
    done(
      ...(await livesLegs({ databaseUrl: await database('bench_e'), legMs: 2 * legMs, accountsInMemory: values.quick ? 10_000 : 100_000 })),
    );
  }
  if (wants('g', 'r')) {
    const facts = values.quick ? [1_000, 100_000] : [1_000, 100_000, 1_000_000];
    done(...(await coldLoadLegs({ databaseUrl: await database('bench_g'), facts })));
  }
  if (wants('n', 'o', 'p', 'q')) {
    done(...(await financeLegs({ databaseUrl: await database('bench_n'), rounds, tasks: values.quick ? 4_000 : 40_000 })));
  }
  if (wants('i')) done(...(await relayLeg({ databaseUrl: await database('bench_i'), rounds, holds: values.quick ? 10_000 : 40_000 })));
  if (wants('j')) {
    const databaseUrls = [await database('bench_j_1'), await database('bench_j_2'), await database('bench_j_3')];
    done(await orchestratorsLeg({ databaseUrls, legMs: 2 * legMs }));
  }
  if (wants('k')) done(await eventStoreDbLeg({ rounds, legMs }));
  if (wants('l')) done(await failoverLeg({ databaseUrl: await database('bench_l'), rounds }));
  if (wants('s')) done(await storageLeg({ databaseUrl: await database('bench_s'), tasks: values.quick ? 2_000 : 10_000 }));
  if (wants('t')) done(await reportLeg({ attempts: values.quick ? 100_000 : 1_000_000, rounds: values.quick ? 2 : 3 }));
  if (wants('u')) done(await briefFreeLeg({ databaseUrl: await database('bench_u'), rounds, tasks: values.quick ? 4_000 : 20_000 }));
  if (wants('v')) done(await importLeg({ databaseUrl: await database('bench_v'), rounds, lines: values.quick ? 10_000 : 50_000 }));
  if (wants('m'))
    done(await routingLeg({ databaseUrl: await database('bench_m'), otherDatabaseUrl: await database('bench_m_one'), rounds, legMs }));
  const file = keep(results, join(import.meta.dirname, '..', '..', 'bench', 'results'));
  console.log(`\nKept in ${file}`);
} finally {
  await postgres.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

/** A fresh, migrated database of its own for each group of legs. */
async function database(name: string): Promise<string> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  await migrate(url.href);
  return url.href;
}
