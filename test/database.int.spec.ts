import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';
import { migrate } from '#libs/platform';

describe('migrations', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('apply once, and a second run finds nothing to do', async () => {
    expect(await migrate(database.url)).toEqual([]);
  });

  it('refuse a database that a newer release has migrated', async () => {
    await expect(migrate(database.url, [])).rejects.toThrow('newer release');
  });
});
