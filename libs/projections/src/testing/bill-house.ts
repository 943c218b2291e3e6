// A log with read models over it, and tenants with jobs whose cost is booked: what the specs of provider bills start from.
import { MemoryEventStore } from '#libs/event-store';
import type { TestDatabase } from '../../../../test/support/test-database.js';
import { Harness } from './harness.js';
import { ManualClock, POLICIES, START, World } from './world.js';

export class BillHouse {
  readonly clock = new ManualClock(START);
  readonly store = new MemoryEventStore(this.clock);
  readonly harness: Harness;
  #worlds = 0;

  constructor(database: TestDatabase) {
    this.harness = new Harness(this.store, database.pool, this.clock);
    this.harness.engine.start();
  }

  /** `job-0`, `job-1`, … at the simulator, each of which completed a task and cost the same. */
  async jobs(tenant: string, count: number, amountMinor: number): Promise<void> {
    const world = new World(this.store, this.clock, tenant, POLICIES, (this.#worlds += 1));
    await world.open('acc_1');
    for (let n = 0; n < count; n += 1) {
      const taskId = await world.submit('acc_1', { credits: 1 });
      await world.task(taskId, { type: 'Dispatch', provider: 'simulator' });
      await world.task(taskId, { type: 'Accept', attempt: 1, providerJobId: `job-${n}` });
      const assets = [{ url: 'https://assets.test/a.mp4', mediaType: 'video/mp4', durationSeconds: '5' }];
      const verdict = { assets, deliveredFraction: '1', actualDurationSeconds: '5', lateResultPolicy: 'deliver_free' } as const;
      await world.task(taskId, { type: 'Complete', attempt: 1, ...verdict, cost: { currency: 'USD', amountMinor } });
      await world.settle(taskId);
    }
  }

  close(): Promise<void> {
    return this.harness.engine.stop();
  }
}
