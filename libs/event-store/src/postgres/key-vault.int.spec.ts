import { afterAll, beforeAll } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { describeKeyVault } from '../sealing/key-vault.contract.js';
import { PostgresKeyVault } from './key-vault.postgres.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describeKeyVault('customers’ keys in PostgreSQL', async () => {
  await database.pool.query('TRUNCATE customer_keys');
  return new PostgresKeyVault(database.pool);
});
