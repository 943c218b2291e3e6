import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { RelayHouse } from '../../apps/relay/src/testing/relay-house.js';
import { Deployment } from '../support/deployment.js';
import { call, freePort, ServerProcess } from '../support/server-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { describeKafka } from './describe-kafka.js';
import { factsOnKafka, type FactsOnKafka } from './facts-on-kafka.js';

const EVENTS = join(import.meta.dirname, '..', '..', 'docs', 'events');

describeKafka('the relay as a process', (kafka) => {
  let database: TestDatabase;
  let seen: FactsOnKafka;
  let env: Record<string, string>;
  let count = 0;
  const ends: Array<() => Promise<void>> = [];

  beforeEach(async () => {
    database = await createTestDatabase();
    const prefix = `${kafka.prefix}-${(count += 1)}`;
    env = { ...kafka.env(), KAFKA_TOPIC_PREFIX: prefix, DATABASE_URL: database.url };
    seen = factsOnKafka(kafka.brokers(), prefix);
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await seen.stop();
    await database.drop();
  });

  const expected = async (): Promise<string[]> => {
    const { rows } = await database.pool.query<{ stream: string; rev: number }>(
      `SELECT stream, rev FROM events WHERE stream !~ '^request-' ORDER BY pos`,
    );
    return rows.map(({ stream, rev }) => `${stream}@${rev}`);
  };
  /** Until what came is what stands in the log, which may still grow, for what is late is a fact as well. */
  const judge = async (): Promise<void> => {
    let missing: string[] = [];
    let strange: string[] = [];
    await until(
      async () => {
        // In this order: what has come by now was in the log before.
        const came = seen.facts();
        const facts = new Set(await expected());
        missing = [...facts].filter((fact) => !came.has(fact));
        strange = [...came].filter((fact) => !facts.has(fact));
        return missing.length + strange.length === 0;
      },
      { withinMs: 120_000, everyMs: 100, what: () => `facts to come: ${missing.join()}; those to go: ${strange.join()}` },
    );
  };
  const newHouse = (): RelayHouse => {
    const house = new RelayHouse(database.pool, '');
    ends.push(() => house.close());
    return house;
  };
  const newDeployment = (): Deployment => {
    const deployment = new Deployment(env);
    ends.push(() => deployment.stop());
    return deployment;
  };
  const leads = async (relay: ServerProcess): Promise<boolean> => {
    const response = await fetch(`${relay.url}/readyz`, { signal: AbortSignal.timeout(10_000) }).catch(() => null);
    const report = (await response?.json()) as { parts: { relay?: { leads?: boolean } } } | undefined;
    return report?.parts.relay?.leads === true;
  };

  /** The process that the lease says may publish. */
  const holderPid = async (): Promise<number | null> => {
    const { rows } = await database.pool.query<{ pid: string }>(
      `SELECT substring(owner FROM '-([0-9]+)-[0-9a-f]{8}-') AS pid FROM leases WHERE name = 'relay' AND expires_at > clock_timestamp()`,
    );
    return rows[0] === undefined ? null : Number(rows[0].pid);
  };

  it('npm start publishes every fact that it writes, each as its published schema says', async () => {
    const server = new ServerProcess(await freePort(), env);
    ends.push(() => server.stop());
    await server.start();
    const post = async (path: string, body: object = {}): Promise<{ id: string }> => {
      const reply = await call(server.url, 'POST', path, body);
      expect({ path, status: reply.status, body: reply.body }).toMatchObject({ status: expect.any(Number) });
      if (reply.status >= 500) throw new Error(JSON.stringify(reply.body));
      return reply.body as { id: string };
    };
    await post('/v1/accounts', { id: 'ada', name: 'Ada', plan: 'pro' });
    await post('/v1/accounts', { id: 'poor', name: 'Poor', plan: 'free' });
    await post('/v1/accounts/ada/grants', {
      bucket: 'purchased',
      credits: 3500,
      reference: 'r',
      costBasis: { currency: 'USD', amountMinor: 999 },
    });
    await post('/v1/accounts/ada/plan', { plan: 'max' });
    await post('/v1/accounts/poor/suspend', { reason: 'spec' });
    await post('/v1/accounts/poor/resume', { reason: 'spec' });
    const outcomes = [
      { outcome: 'succeed' },
      { outcome: 'succeed', deliveredFraction: 0.5 },
      { outcome: 'fail' },
      { outcome: 'reject' },
      { outcome: 'lost_submit', afterMs: 50 },
      { outcome: 'late', afterMs: 50 },
      { outcome: 'hang' },
    ];
    const submit = (accountId: string, simulate: { outcome: string; afterMs: number }): Promise<{ id: string }> =>
      post('/v1/tasks', {
        accountId,
        model: 'kling-ai-5s',
        prompt: 'a secret',
        metadata: { a: 'b' },
        // Only what is to time out is given little time.
        parameters: { deadlineMs: ['late', 'hang'].includes(simulate.outcome) ? 5_000 : 300_000, simulate },
      });
    for (const simulate of outcomes) await submit('ada', { afterMs: 20, ...simulate });
    for (let n = 0; n < 8; n += 1) await submit('poor', { outcome: 'succeed', afterMs: 20 });
    const cancelled = await submit('ada', { outcome: 'succeed', afterMs: 3_600_000 });
    await post(`/v1/tasks/${cancelled.id}/cancel`, { reason: 'spec' });
    await until(async () => (await call(server.url, 'GET', '/v1/accounts/ada/balance')).body.held === 0, { withinMs: 120_000 });

    await judge();
    const validators = new Map<string, ValidateFunction>();
    const types = new Set<string>();
    for (const message of seen.distinct().values()) {
      const [, , , category = '', name = '', version = ''] = (message.headers['ce_dataschema'] ?? '').split(':');
      const file = join(EVENTS, category, `${name}.${version}.schema.json`);
      const validate = validators.get(file) ?? closed(file);
      validators.set(file, validate);
      const data = JSON.parse(message.value!.toString()) as object;
      if (!validate(data)) throw new Error(`${file}: ${JSON.stringify(validate.errors)} in ${JSON.stringify(data)}`);
      types.add(name);
    }
    expect(seen.messages.map(({ value }) => value!.toString()).join()).not.toContain('a secret');
    expect([...types]).toEqual(expect.arrayContaining(WRITTEN));
  });

  it('killed between the acknowledgement and the checkpoint, it doubles and loses nothing', async () => {
    const house = newHouse();
    const deployment = newDeployment();
    // While somebody holds its row, the checkpoint cannot move.
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM relay FOR UPDATE');
    await deployment.start('relay-1');
    await house.busy(60);
    await until(() => seen.messages.length > 0);
    await deployment.kill('relay-1');
    // PostgreSQL would still do what the dead process asked it for and waits to be done.
    await holder.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollcredits-relay' AND datname = current_database()`,
    );
    await holder.query('ROLLBACK');
    await holder.end();
    await deployment.start('relay-2');
    await judge();
    await until(() => seen.messages.length > seen.distinct().size);
    const bodies = new Map<string, string>();
    for (const { headers, value } of seen.messages) {
      const id = headers['ce_id']!;
      expect(value!.toString()).toBe(bodies.get(id) ?? value!.toString());
      bodies.set(id, value!.toString());
    }
  });

  it('paused in the middle of its work while another takes over, it comes back to nothing: no checkpoint moves back, nothing is lost', async () => {
    const house = newHouse();
    const deployment = newDeployment();
    await deployment.startAll(['relay-1', 'relay-2']);
    const writing = house.keepBusy();
    await until(() => seen.messages.length > 50);
    let first = deployment.get('relay-1');
    let second = deployment.get('relay-2');
    await until(async () => {
      if (await leads(second)) [first, second] = [second, first];
      return leads(first);
    });
    first.pause();
    await until(() => leads(second));
    const taken = seen.messages.length;
    await until(() => seen.messages.length > taken + 50);
    first.resume();
    await until(async () => (await fetch(`${first.url}/readyz`).catch(() => null))?.status === 200);
    const resumed = seen.messages.length;
    await until(() => seen.messages.length > resumed + 50);
    // It does not think that it leads because it once did. Should the other one have lost the lease meanwhile, it does so by right.
    await until(async () => {
      const holder = await holderPid();
      const areRight = (await leads(first)) === (holder === first.pid) && (await leads(second)) === (holder === second.pid);
      return areRight && holder !== null && holder === (await holderPid());
    });
    await writing.stop();
    await judge();
  });
});

/** Facts that the main job cannot help but write. */
const WRITTEN = [
  ...[
    'AccountOpened',
    'AccountSuspended',
    'AccountResumed',
    'PlanChanged',
    'CreditsGranted',
    'CreditsReserved',
    'CreditsConsumed',
    'CreditsRefunded',
  ],
  ...[
    'TaskSubmitted',
    'TaskRejected',
    'TaskDispatched',
    'TaskAccepted',
    'TaskSubmissionUnknown',
    'TaskCompleted',
    'TaskFailed',
    'TaskTimedOut',
  ],
  ...['TaskCancellationRequested', 'ModelListed', 'ModelPriced', 'PlanDefined'],
];

/** As published, but a property that the schema does not know fails: so nothing is published that is not described. */
function closed(file: string): ValidateFunction {
  const ajv = new Ajv2020({ allowUnionTypes: true });
  // Facts write every instant in one form, with milliseconds.
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const shut = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(shut);
    if (typeof node !== 'object' || node === null) return node;
    const members = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, shut(value)]));
    return 'properties' in node ? { ...members, additionalProperties: false } : members;
  };
  return ajv.compile(shut(JSON.parse(readFileSync(file, 'utf8'))) as object);
}
