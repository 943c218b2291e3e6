// A brief's budget on PostgreSQL: several stores on one database are several processes, and together they let through exactly as many as there are.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { newCommandId } from '#libs/kernel';
import { PostgresEventStore, processMeta, tenantStream } from '#libs/event-store';
import { CreateBrief } from '#libs/studio';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { BRIEF, StudioWorld, TENANT } from './testing/studio-world.js';

let database: TestDatabase;
let processes: StudioWorld[];
const stores: PostgresEventStore[] = [];
const pools: pg.Pool[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  const first = new StudioWorld();
  processes = await Promise.all(
    Array.from({ length: 3 }, () => {
      const pool = new pg.Pool({ connectionString: database.url, max: 4 });
      const store = new PostgresEventStore({ pool });
      pools.push(pool);
      stores.push(store);
      return new StudioWorld(first.log, first.vault, store).start();
    }),
  );
});

afterAll(async () => {
  await Promise.all(processes.map((process) => process.stop()));
  await Promise.all(stores.map((store) => store.close()));
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
});

describe('a budget that many processes draw on', () => {
  it('lets through exactly as many as there are, while some are given back', async () => {
    const [here] = processes as [StudioWorld];
    const budget = 40;
    const { id } = await here.done(new CreateBrief(here.context(), { ...BRIEF, attemptBudget: budget }));
    const attempt = async (index: number): Promise<'refused' | 'returned' | 'kept'> => {
      const process = processes[index % 3] as StudioWorld;
      const { briefs } = process;
      const taskId = `task_${newCommandId()}`;
      const meta = processMeta(TENANT, 'key_1', null);
      if ((await briefs.take(meta, id, [taskId])) !== null) return 'refused';
      if (index % 4 !== 0) {
        // What never came to be is found out after its grace, however slow the machine.
        await process.write(tenantStream('task', TENANT, taskId), 'TaskSubmitted', { taskId, brief: { briefId: id } });
        return 'kept';
      }
      await briefs.giveBack(meta, id, [taskId]);
      return 'returned';
    };
    const rounds = [];
    for (let round = 0; round < 3; round += 1)
      rounds.push(...(await Promise.all(Array.from({ length: 30 }, (_, index) => attempt(round * 30 + index)))));
    let kept = rounds.filter((end) => end === 'kept').length;
    expect(kept).toBeLessThanOrEqual(budget);
    // Some were refused while others held what they gave back: what is left is there for who comes now.
    while ((await attempt(1)) === 'kept') kept += 1;
    expect(kept).toBe(budget);
    const facts = await here.store.readStream(tenantStream('brief', TENANT, id));
    const used = facts.slice(1).map(({ data }) => data['used'] as number);
    expect(Math.max(...used)).toBeLessThanOrEqual(budget);
    expect(used.at(-1)).toBe(budget);
    // Each fact says what the one before it left.
    facts.slice(1).forEach(({ type, data }, index) => {
      expect(data['used']).toBe((used[index - 1] ?? 0) + (type === 'BriefAttemptTaken' ? 1 : -1));
    });
  });
});
