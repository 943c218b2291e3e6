import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { deploymentSecret } from './deployment-secret.js';

describe('the deployment secret', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('is the same in every process of a deployment, and another one in another', async () => {
    const other = await createTestDatabase();
    try {
      const [here, too, elsewhere] = await Promise.all(
        [database, database, other].map(({ pool }) => deploymentSecret(pool, { deploymentSecret: null })),
      );
      const signature = here!.sign('job', 'task_1.1');
      expect(too!.verify('job', 'task_1.1', signature)).toBe(true);
      expect(elsewhere!.verify('job', 'task_1.1', signature)).toBe(false);
    } finally {
      await other.drop();
    }
  });

  it('of the configuration wins over that of the database', async () => {
    const given = await deploymentSecret(database.pool, { deploymentSecret: 'x'.repeat(32) });
    const own = await deploymentSecret(database.pool, { deploymentSecret: null });
    expect(given.sign('job', 'a')).not.toBe(own.sign('job', 'a'));
  });

  it('accepts no signature of another purpose or text, and no garbage', async () => {
    const secret = await deploymentSecret(database.pool, { deploymentSecret: null });
    const signature = secret.sign('job', 'a');
    expect(secret.verify('forward', 'a', signature)).toBe(false);
    expect(secret.verify('job', 'b', signature)).toBe(false);
    for (const garbage of ['', '§', signature.slice(1), `${signature}AAAA`]) expect(secret.verify('job', 'a', garbage)).toBe(false);
  });
});
