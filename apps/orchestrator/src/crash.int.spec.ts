import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { until, World } from './testing/test-world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterEach(() => world.stopAll());
afterAll(() => world.close());

// Each test starts and ends several processes: on a busy machine that takes its time.

let accounts = 0;
const account = async (): Promise<string> => {
  const id = `acc_${++accounts}`;
  await world.account(id);
  return id;
};
const jobsOf = async (taskId: string): Promise<number> =>
  Number(
    (
      await world.database.pool.query<{ n: string }>('SELECT count(*) AS n FROM simulator_jobs WHERE client_job_id LIKE $1', [
        `${taskId}.%`,
      ])
    ).rows[0]?.n,
  );
const settled = (taskId: string): Promise<void> =>
  until(`${taskId} to be settled`, async () => (await world.money(taskId)).some((type) => type !== 'ProviderCostBooked'));

describe('a process killed', () => {
  it.each([
    ['after it wrote the dispatch, before it submitted', 'TaskDispatched', { afterMs: 0 }],
    ['after the provider took the job, before it knew', 'submit', { afterMs: 0 }],
    ['after it wrote the acceptance', 'TaskAccepted', { afterMs: 0 }],
    ['after it wrote that the submission is unknown', 'TaskSubmissionUnknown', { outcome: 'lost_submit', afterMs: 0 }],
    ['after it found the lost job, before it wrote that', 'lookup', { outcome: 'lost_submit', afterMs: 0 }],
    ['after it heard the result, before it wrote it', 'report', { afterMs: 0 }],
    ['after it wrote the completion, before it settled', 'TaskCompleted', { afterMs: 0 }],
    ['after it settled, before it knew', 'settle', { afterMs: 0 }],
  ])('%s leaves one submission and one charge', async (_, killAt, simulate) => {
    const acc = await account();
    const first = await world.orchestrator({ killAt });
    const id = await world.submit(acc, simulate);
    await first.plug.pulled;
    await world.kill(first);
    await world.orchestrator();
    await settled(id);
    await until('its row to be gone', async () => (await world.rows()).every((row) => row.task_id !== id));
    expect(await jobsOf(id)).toBe(1);
    expect(await world.money(id)).toEqual(['CreditsConsumed']);
    expect((await world.story(id)).filter((type) => ['TaskDispatched', 'TaskAccepted', 'TaskCompleted'].includes(type))).toEqual([
      'TaskDispatched',
      'TaskAccepted',
      'TaskCompleted',
    ]);
    expect(await world.figures(acc)).toEqual({ available: 1_930, held: 0, open: 0 });
  });

  it.each([
    ['after it wrote the time-out, before the refund', 'TaskTimedOut', { outcome: 'hang' }, 200],
    ['after it wrote the failure, before the refund', 'TaskFailed', { outcome: 'fail', afterMs: 0 }, undefined],
  ])('%s refunds once', async (_, killAt, simulate, deadlineMs) => {
    const acc = await account();
    const first = await world.orchestrator({ killAt });
    const id = await world.submit(acc, simulate, { deadlineMs });
    await first.plug.pulled;
    await world.kill(first);
    await world.orchestrator();
    await settled(id);
    expect(await world.money(id)).toEqual(['CreditsRefunded']);
    expect(await world.figures(acc)).toEqual({ available: 2_000, held: 0, open: 0 });
  });

  it('at any of many moments under load loses nothing and charges nobody twice', async () => {
    const accs = await Promise.all(Array.from({ length: 10 }, () => account()));
    const outcomes = ['succeed', 'fail', 'lost_submit', 'succeed', 'reject'];
    const ids = await Promise.all(
      Array.from({ length: 120 }, (_, index) =>
        world.submit(accs[index % 10]!, { outcome: outcomes[index % 5]!, afterMs: (index * 7) % 90 }),
      ),
    );
    const isOver = async (): Promise<boolean> => (await Promise.all(accs.map((acc) => world.figures(acc)))).every(({ open }) => open === 0);
    for (const killAt of ['submit', 'TaskCompleted', 'report', 'settle', 'TaskFailed']) {
      const running = await world.orchestrator({ killAt });
      await until('the kill', async () => running.plug.isPulled || (await isOver()));
      await world.kill(running);
    }
    await world.orchestrator();
    await until('nothing to be held', isOver);
    const settlements = await world.facts({ types: ['CreditsConsumed', 'CreditsRefunded'] });
    for (const id of ids) expect(settlements.filter((fact) => fact.data['taskId'] === id)).toHaveLength(1);
    const dispatches = await world.facts({ types: ['TaskDispatched'] });
    for (const id of ids) expect(dispatches.filter((fact) => (fact.data['clientJobId'] as string).startsWith(`${id}.`))).toHaveLength(1);
  });
});

describe('a process stopped', () => {
  it('writes what it began, gives the lease up at once, and its successor goes on', async () => {
    const acc = await account();
    const first = await world.orchestrator();
    const ids = await Promise.all(Array.from({ length: 20 }, () => world.submit(acc, { afterMs: 30 })));
    await until('the first to have begun', async () =>
      (await world.facts({ types: ['TaskDispatched'] })).some((fact) => ids.includes(fact.stream.slice(fact.stream.indexOf('.') + 1))),
    );
    await world.stop(first);
    for (const id of ids) {
      const story = await world.story(id);
      // Whatever was submitted has its answer written down: no attempt is left in doubt.
      expect(story.includes('TaskDispatched')).toBe(story.includes('TaskAccepted'));
    }
    await world.orchestrator();
    await Promise.all(ids.map(settled));
    expect(await Promise.all(ids.map(jobsOf))).toEqual(ids.map(() => 1));
  });

  it('between a dispatch and its submission still makes it, so that its successor has nothing to doubt', async () => {
    const acc = await account();
    const first = await world.orchestrator({ pauseAt: 'TaskDispatched' });
    const id = await world.submit(acc, { afterMs: 0 });
    await until('the pause', () => first.plug.isPaused);
    const stopping = first.orchestrator.stop();
    await until('its partitions to be on their way', () => first.orchestrator.partitions === 0);
    first.plug.resume();
    await stopping;
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskAccepted']);
    await world.orchestrator();
    await settled(id);
    expect(await jobsOf(id)).toBe(1);
  });

  it('while it still joins the others leaves nothing behind that they would wait for', async () => {
    const hasty = await world.orchestrator();
    await world.stop(hasty);
    const { rows } = await world.database.pool.query(`SELECT name FROM leases WHERE expires_at > clock_timestamp()`);
    expect(rows).toEqual([]);
  });
});

describe('a process whose write', () => {
  const partitions = async (): Promise<Array<{ position: string }>> =>
    (await world.database.pool.query<{ position: string }>('SELECT position FROM orchestrator_partitions')).rows;

  it('was made, and its answer lost, takes its partitions over anew and goes on', async () => {
    const acc = await account();
    const { core, orchestrator } = await world.orchestrator();
    await until('it to own all', () => orchestrator.partitions === 16);
    const lost = loseAnswerTo(core.pool, 'orchestrator_checkpoints');
    const ids = await Promise.all(Array.from({ length: 5 }, () => world.submit(acc, { afterMs: 0 })));
    await lost;
    ids.push(await world.submit(acc, { afterMs: 0 }));
    await Promise.all(ids.map(settled));
    await until('every checkpoint to reach the end', async () => {
      const head = await world.api.store.head();
      return (await partitions()).every(({ position }) => position === head);
    });
    await until('it to own all again', () => orchestrator.partitions === 16);
    expect(await Promise.all(ids.map(jobsOf))).toEqual(ids.map(() => 1));
  });

  it('fails on the way out forgets what it gave up', async () => {
    const own = await World.open();
    try {
      const ids = Array.from({ length: 24 }, (_, n) => `acc_${n}`);
      await Promise.all(ids.map((id) => own.account(id)));
      const first = await own.orchestrator();
      await until('it to own all', () => first.orchestrator.partitions === 16);
      await own.database.pool.query(
        `CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away'; END $$;
         CREATE TRIGGER refuse_move BEFORE UPDATE ON orchestrator_partitions FOR EACH ROW EXECUTE FUNCTION refuse_move()`,
      );
      await Promise.all(ids.map((id) => own.submit(id, { outcome: 'hang' })));
      await until('all to be taken up', () => first.orchestrator.active === ids.length);
      const second = await own.orchestrator();
      await until('the partitions to be shared', () => first.orchestrator.partitions === 8 && second.orchestrator.partitions === 8);
      await until('each to have its own', () => first.orchestrator.active + second.orchestrator.active === ids.length);
      expect(second.orchestrator.active).toBeGreaterThan(0);
    } finally {
      await own.close();
    }
  });
});

describe('two processes on one database', () => {
  it('share the partitions evenly, act once on each task, and one takes over all when the other is killed', async () => {
    const accs = await Promise.all(Array.from({ length: 8 }, () => account()));
    const [a, b] = await Promise.all([world.orchestrator(), world.orchestrator()]);
    await until('the partitions to be shared', () => a.orchestrator.partitions === 8 && b.orchestrator.partitions === 8);
    const ids = await Promise.all(Array.from({ length: 40 }, (_, index) => world.submit(accs[index % 8]!, { afterMs: 20 })));
    await Promise.all(ids.slice(0, 5).map(settled));
    await world.kill(a);
    const more = await Promise.all(accs.map((acc) => world.submit(acc, { afterMs: 0 })));
    await Promise.all([...ids, ...more].map(settled));
    await until('the other to own all', () => b.orchestrator.partitions === 16);
    for (const id of [...ids, ...more]) {
      expect(await jobsOf(id)).toBe(1);
      expect(await world.money(id)).toEqual(['CreditsConsumed']);
    }
  });

  it('make room for a third that comes, without leaving any attempt in doubt', async () => {
    const accs = await Promise.all(Array.from({ length: 8 }, () => account()));
    await Promise.all([world.orchestrator(), world.orchestrator()]);
    const ids: string[] = [];
    const load = (async () => {
      for (let round = 0; round < 12; round += 1) ids.push(...(await Promise.all(accs.map((acc) => world.submit(acc, { afterMs: 30 })))));
    })();
    const third = await world.orchestrator();
    await until('the third to have its part', () => third.orchestrator.partitions >= 5);
    await load;
    await Promise.all(ids.map(settled));
    expect(
      await world
        .facts({ types: ['TaskSubmissionUnknown'] })
        .then((facts) => facts.filter((fact) => ids.some((id) => fact.stream.endsWith(id)))),
    ).toEqual([]);
    expect(await Promise.all(ids.map(jobsOf))).toEqual(ids.map(() => 1));
  });
});

/** The first transaction with such a statement is committed, and who asked for it hears of a broken connection. Resolved once that has happened. */
function loseAnswerTo(pool: pg.Pool, statement: string): Promise<void> {
  const connect = pool.connect.bind(pool) as (...back: unknown[]) => Promise<pg.PoolClient>;
  let isLost = false;
  return new Promise((resolve) => {
    const losing = async (): Promise<pg.PoolClient> => {
      const client = await connect();
      const query = client.query.bind(client) as (...asked: unknown[]) => Promise<unknown>;
      let isAsked = false;
      client.query = (async (...asked: unknown[]) => {
        const answer = await query(...asked);
        if ((asked[0] as { name?: string }).name === statement) isAsked = true;
        if (asked[0] !== 'COMMIT' || !isAsked || isLost) return answer;
        isLost = true;
        resolve();
        throw new Error('Connection terminated unexpectedly');
      }) as unknown as typeof client.query;
      return client;
    };
    // The pool calls itself back for its single statements.
    pool.connect = ((...back: unknown[]) => (back.length > 0 || isLost ? connect(...back) : losing())) as typeof pool.connect;
  });
}
