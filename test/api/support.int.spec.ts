// What support can ask: an account as it stood, one user's timeline, why a task was decided as it was, and who did what.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createApiWorld, type Answer, type ApiWorld } from './api-world.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);

let world: ApiWorld;

beforeAll(async () => {
  world = await createApiWorld({ TEST_CLOCK: '1', LATE_RESULT: 'offer' });
});
afterAll(async () => {
  await world.close();
});

async function ok(answer: Promise<Answer>, status: number): Promise<Answer> {
  const answered = await answer;
  if (answered.status !== status) throw new Error(`${answered.status}: ${answered.text}`);
  return answered;
}
const get = (path: string, key?: string): Promise<Answer> => ok(world.call('GET', path, undefined, key === undefined ? {} : { key }), 200);
const post = (path: string, body: object, status: number): Promise<Answer> => ok(world.call('POST', path, body), status);

async function generate(accountId: string, simulate: object, more: object = {}): Promise<string> {
  const body = {
    accountId,
    model: 'kling-ai-5s',
    prompt: 'a fox',
    userId: 'u 1/é',
    parameters: { simulate: { afterMs: 5, ...simulate } },
    ...more,
  };
  const { body: task } = await post('/v1/tasks', body, 202);
  await until(async () => {
    const seen = await get(`/v1/tasks/${task.id}`);
    return seen.body.settlement !== 'open';
  });
  return task.id;
}

describe('support', () => {
  const tasks: Record<string, string> = {};
  let refused: Answer;
  let afterGrant: Answer;

  beforeAll(async () => {
    await post('/v1/accounts', { id: 'acc_1', name: 'Moss', plan: 'free' }, 201);
    afterGrant = await post('/v1/accounts/acc_1/grants', { bucket: 'purchased', credits: 300, reference: 'inv-1' }, 201);
    tasks['done'] = await generate('acc_1', { outcome: 'succeed', cost: { currency: 'USD', amountMinor: 3 } });
    tasks['part'] = await generate('acc_1', { outcome: 'succeed', deliveredFraction: 0.5 });
    tasks['failed'] = await generate('acc_1', { outcome: 'fail' });
    await post(`/v1/tasks/${tasks['done']}/refunds`, { credits: 20, reason: 'blurred' }, 201);
    refused = await ok(world.call('POST', '/v1/tasks', { accountId: 'acc_1', model: 'kling-ai-60s', prompt: 'x', userId: 'u 1/é' }), 403);
    const { body: quote } = await post('/v1/quotes', { accountId: 'acc_1', model: 'kling-ai-5s' }, 201);
    tasks['quoted'] = await generate('acc_1', { outcome: 'succeed' }, { quoteId: quote.id });
    const { body: batch } = await post(
      '/v1/tasks/batch',
      {
        atomic: true,
        tasks: [1, 2].map(() => ({ accountId: 'acc_1', model: 'pika-basic', prompt: 'b', parameters: { simulate: { outcome: 'hang' } } })),
      },
      200,
    );
    tasks['batched'] = batch.results[1].task.id;
    await ok(world.call('POST', `/v1/tasks/${tasks['batched']}/cancel`, {}), 200);
  });

  it('explains every decision and decides each of them again the same', async () => {
    for (const [name, id] of Object.entries(tasks)) {
      const { body } = await get(`/v1/tasks/${id}/explanation`);
      const differing = body.decisions.filter((each: { reproduced: boolean }) => !each.reproduced);
      expect([name, differing]).toEqual([name, []]);
      expect([name, body.reproduced]).toEqual([name, true]);
      expect(body.decisions[0].command.type).toBe('SubmitTask');
    }
    const { body } = await get(`/v1/tasks/${tasks['done']}/explanation`);
    const rules = body.decisions.map((each: { rule: string }) => each.rule);
    expect(rules[0]).toBe('submission.at-price');
    expect(rules.slice(-2)).toEqual(['consumption.in-full', 'refund.goodwill']);
    expect(body.decisions[0]).toMatchObject({
      priceVersion: 'kling-ai-5s@1',
      planVersion: 1,
      outcome: 'accepted',
      facts: ['CreditsReserved', 'TaskSubmitted'],
    });
    expect(body.decisions[0].state).toMatchObject({ plan: 'free', available: 500, held: 0, frozen: 0 });
    const quoted = (await get(`/v1/tasks/${tasks['quoted']}/explanation`)).body.decisions[0];
    expect(quoted.rule).toBe('submission.at-quote');
  });
});
