import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { StoredFact } from '#libs/event-store';
import type { JobReport } from '#libs/providers';
import { partitionOf } from '#libs/reactions';
import { ScriptedProvider } from './testing/scripted-provider.js';
import { TENANT, until, World, type ProcessOptions } from './testing/test-world.js';

const BACKLOG = 10_000;
const JOBS_MAX = 4;
const SUBMITTING_AT_ONCE = 200;
const SUCCESS: JobReport = {
  kind: 'succeeded',
  assets: [{ url: 'https://vendor.example/1.mp4', mediaType: 'video/mp4', durationSeconds: '5' }],
  deliveredFraction: '1',
  actualDurationSeconds: '5',
  cost: null,
};
/** Reports each job as running a few times, then as done; while it is held, as running. */
class SteadyProvider extends ScriptedProvider {
  readonly #asked = new Map<string, number>();
  isHeld = false;

  override report(id?: string): Promise<JobReport> {
    if (this.isHeld) return Promise.resolve({ kind: 'running', percent: null });
    const asked = (this.#asked.get(id ?? '') ?? 0) + 1;
    this.#asked.set(id ?? '', asked);
    return Promise.resolve(asked < 3 ? { kind: 'running', percent: null } : SUCCESS);
  }
}
const queue = new SteadyProvider('queue', { jobsMax: JOBS_MAX });

let world: World;
let accounts = 0;
/** An account whose partition is such. */
const account = async (isWanted: (partition: number) => boolean = () => true): Promise<string> => {
  let id = '';
  do id = `acc_${++accounts}`;
  while (!isWanted(partitionOf(TENANT, id)));
  await world.account(id);
  return id;
};

beforeAll(async () => {
  world = await World.open([queue]);
});
afterEach(() => world.stopAll());
afterAll(() => world.close());

async function submitMany(acc: string, count: number): Promise<void> {
  await world.ledger(acc, {
    type: 'GrantCredits',
    bucket: 'purchased',
    credits: count * 70,
    expiresAt: null,
    reference: null,
    costBasis: null,
  });
  const numbers = Array.from({ length: count }, (_, n) => n).values();
  const client = async (): Promise<void> => {
    for (const _ of numbers) await world.submit(acc, null, { model: 'on-queue' });
  };
  await Promise.all(Array.from({ length: SUBMITTING_AT_ONCE }, client));
}

/** How many tasks of others went to the provider after this one was submitted and before it went itself. */
async function overtakenBy(id: string): Promise<number> {
  const facts = await world.facts({ types: ['TaskSubmitted', 'TaskDispatched'] });
  const isOf = (fact: StoredFact): boolean => fact.stream.endsWith(`.${id}`);
  const submitted = facts.find((fact) => fact.type === 'TaskSubmitted' && isOf(fact))!;
  const dispatched = facts.find((fact) => fact.type === 'TaskDispatched' && isOf(fact))!;
  return facts.filter(({ type, position }) => type === 'TaskDispatched' && position > submitted.position && position < dispatched.position)
    .length;
}

const isDispatched = async (id: string): Promise<boolean> => (await world.story(id)).includes('TaskDispatched');
const runningJobs = async (): Promise<number> =>
  Number((await world.database.pool.query<{ n: string }>('SELECT count(*) AS n FROM provider_jobs WHERE is_running')).rows[0]?.n);

const isInLine = async (id: string): Promise<boolean> =>
  ((await world.database.pool.query('SELECT 1 FROM provider_jobs WHERE task_id = $1', [id])).rowCount ?? 0) > 0;

/** From the moment in which these are in line to the one in which they have gone out, and no longer: how fast the log is read decides nothing. */
async function letOut(ids: readonly string[]): Promise<void> {
  await until('the single tasks to be in line', async () => (await Promise.all(ids.map(isInLine))).every(Boolean));
  queue.isHeld = false;
  await until('the single tasks to go out', async () => (await Promise.all(ids.map(isDispatched))).every(Boolean));
  queue.isHeld = true;
}

describe('a customer with ten thousand waiting tasks', () => {
  it("delays another's single task by no more than the running ones, in one process and over two, from memory and from rows", async () => {
    const options: ProcessOptions = { limits: { waitingPerAccountMax: 100 } };
    const big = await account();
    await submitMany(big, BACKLOG);
    queue.isHeld = true;
    const first = await world.orchestrator(options);
    await until('the backlog to wait', () => first.orchestrator.waiting >= 100);

    // What was given a place before the task was in line, and those that run.
    const most = 2 * JOBS_MAX;
    for (let round = 0; round < 3; round += 1) {
      const small = await world.submit(await account(), null, { model: 'on-queue' });
      await letOut([small]);
      expect(await overtakenBy(small)).toBeLessThanOrEqual(most);
    }
    expect(await runningJobs()).toBeLessThanOrEqual(JOBS_MAX);

    const second = await world.orchestrator(options);
    await until('the partitions to be shared', () => first.orchestrator.partitions === 8 && second.orchestrator.partitions === 8);
    const ids = await Promise.all(
      [0, 1, 2, 3].map(async (n) => world.submit(await account((partition) => partition % 4 === n), null, { model: 'on-queue' })),
    );
    await letOut(ids);
    // Four came at once: each may also wait for the other three.
    for (const id of ids) expect(await overtakenBy(id)).toBeLessThanOrEqual(most + ids.length - 1);
    expect(await runningJobs()).toBeLessThanOrEqual(JOBS_MAX);
    expect((await world.figures(big)).open).toBeGreaterThan(BACKLOG / 2);
  });
});

describe('a provider that bounds its jobs', () => {
  it('never has more of them than that, over processes that are killed, and each place is free again after its verdict', async () => {
    const names = await Promise.all([account(), account(), account()]);
    const options = { jobsMax: { simulator: 3 } };
    const ids: string[] = [];
    const [first] = await Promise.all([world.orchestrator(options), world.orchestrator(options)]);
    for (let n = 0; n < 24; n += 1)
      ids.push(await world.submit(names[n % 3]!, { outcome: n % 4 === 3 ? 'fail' : 'succeed', afterMs: 1_000 }));
    await until('the bound to be used', async () => (await runningAtSimulator()) === 3);
    await world.kill(first);
    await world.orchestrator(options);
    let most = 0;
    await until('all to be settled', async () => {
      most = Math.max(most, await runningAtSimulator());
      return (await Promise.all(names.map((id) => world.figures(id)))).every(({ open }) => open === 0);
    });
    expect(most).toBeLessThanOrEqual(3);
    for (const id of ids) expect(await world.money(id)).toHaveLength(1);
    await until('every place of theirs to be free', async () => {
      const { rowCount } = await world.database.pool.query("SELECT 1 FROM provider_jobs WHERE provider = 'simulator'");
      return rowCount === 0;
    });
  });
});

/** As the vendor sees it: submitted, and its time is not over yet. */
async function runningAtSimulator(): Promise<number> {
  const { rows } = await world.database.pool.query<{ n: string }>('SELECT count(*) AS n FROM simulator_jobs WHERE due_ms > $1', [
    Date.now(),
  ]);
  return Number(rows[0]?.n);
}
