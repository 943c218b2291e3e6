import { afterAll, beforeAll } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { describeEventStore } from '../event-store.contract.js';
import { PostgresEventStore } from './postgres-event-store.postgres.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describeEventStore('the event store on PostgreSQL', async () => {
  await database.pool.query('TRUNCATE events; UPDATE log_head SET pos = 0, recorded_at_ms = 0');
  return { open: () => new PostgresEventStore({ pool: database.pool }), drop: async () => undefined };
});
