import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiWorld, type ApiWorld } from './api-world.js';

describe('a deployment without Kafka', () => {
  let world: ApiWorld;
  beforeAll(async () => {
    world = await createApiWorld({}, { orchestrated: false });
  });
  afterAll(() => world.close());

  it('refuses a model of a worker fleet, says what is missing and lists nothing', async () => {
    const model = { name: 'Own GPUs', family: 'own', outputType: 'video', credits: 70, minimumPlan: 'free', provider: 'fleet' };
    const { status, body } = await world.call('PUT', '/v1/models/own-5s', model);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      code: 'fleet_not_configured',
      hint: expect.stringContaining('KAFKA_BROKERS'),
      errors: [{ pointer: '/provider', detail: expect.stringContaining('KAFKA_BROKERS') }],
    });
    expect((await world.call('GET', '/v1/models/own-5s')).status).toBe(404);
  });
});
