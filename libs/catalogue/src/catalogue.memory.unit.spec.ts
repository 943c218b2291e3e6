// Shows that every process holds the same catalogue: its own changes at once, others' as they come, and the defaults once.
import { describe, expect, it } from '@jest/globals';
import { isRefusal } from '#libs/kernel';
import type { WriteResult } from '#libs/event-store';
import { until } from '../../../test/support/until.js';
import { modelView, type ModelView } from './catalogue.view.js';
import { seedCatalogue } from './seed.js';
import { catalogueFixture, meta, MODEL_INPUT, must, NOON } from './testing/catalogue.fixture.js';

const view = <View>(result: WriteResult<View>): View => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.view;
};

describe('the default catalogue', () => {
  it('has the ten models and three plans, priced as documented', async () => {
    const { catalogue } = await catalogueFixture();
    const prices = catalogue.models().map(({ id, minimumPlan }) => {
      const priced = catalogue.price(id, undefined, NOON);
      return [id, isRefusal(priced) ? priced.code : priced.credits, minimumPlan];
    });
    expect(prices).toEqual([
      ['kling-ai-10s', 140, 'free'],
      ['kling-ai-30s', 420, 'pro'],
      ['kling-ai-5s', 70, 'free'],
      ['kling-ai-60s', 840, 'max'],
      ['pika-basic', 40, 'free'],
      ['pika-effects', 80, 'free'],
      ['seedance-2-15s', 250, 'pro'],
      ['seedance-2-5s', 100, 'free'],
      ['sora-2-10s', 200, 'pro'],
      ['sora-2-15s', 300, 'pro'],
    ]);
    expect(catalogue.plans().map(({ id, rank, monthlyAllowance }) => [id, rank, monthlyAllowance])).toEqual([
      ['free', 0, 200],
      ['pro', 1, 2_000],
      ['max', 2, 10_000],
    ]);
  });

  it('is written once, however many processes start', async () => {
    const { store, clock } = await catalogueFixture({ seeded: false });
    const written = await Promise.all([seedCatalogue(store, clock), seedCatalogue(store, clock), seedCatalogue(store, clock)]);
    expect(written.reduce((sum, each) => sum + each)).toBe(13);
    clock.at += 1_000;
    const head = await store.head();
    expect(await seedCatalogue(store, clock)).toBe(0);
    expect(await store.head()).toBe(head);
  });

  it('never takes back what an operator changed', async () => {
    const { store, clock, writer } = await catalogueFixture();
    await writer.changeModel({ type: 'PriceModel', modelId: 'kling-ai-5s', credits: 75, effectiveAt: null, reason: 'market' }, meta());
    await writer.changeModel({ type: 'RetireModel', modelId: 'sora-2-10s' }, meta());
    await writer.changePlan('free', { name: 'Free', rank: 0, monthlyAllowance: 50 }, meta());
    await seedCatalogue(store, clock);
    const { catalogue } = await catalogueFixture({ store, clock });
    expect(catalogue.price('kling-ai-5s', undefined, NOON)).toMatchObject({ credits: 75, priceVersion: 'kling-ai-5s@2' });
    expect(catalogue.price('sora-2-10s', undefined, NOON)).toMatchObject({ code: 'unknown_model' });
    expect(catalogue.plan('free')).toMatchObject({ version: 2, monthlyAllowance: 50 });
  });
});

describe('a change', () => {
  it('is known to the process that wrote it when it is answered, with its position', async () => {
    const { catalogue, writer, store } = await catalogueFixture();
    const result = await writer.changeModel({ type: 'PutModel', modelId: 'mine', input: MODEL_INPUT }, meta());
    expect(result).toMatchObject({ ok: true, replayed: false, position: await store.head() });
    expect(view(result)).toMatchObject({
      id: 'mine',
      credits: 100,
      priceVersion: 'mine@1',
      provider: 'simulator',
      position: await store.head(),
    });
    expect(catalogue.price('mine', undefined, NOON)).toMatchObject({ credits: 100 });
  });

  it('said again writes nothing and answers the same', async () => {
    const { writer, store } = await catalogueFixture();
    const put = { type: 'PutModel', modelId: 'mine', input: MODEL_INPUT } as const;
    const first = await writer.changeModel(put, meta());
    const head = await store.head();
    expect(await writer.changeModel(put, meta())).toEqual(first);
    const plan = { name: 'Team', rank: 3, monthlyAllowance: 5_000 };
    const defined = await writer.changePlan('team', plan, meta());
    expect(await writer.changePlan('team', plan, meta())).toEqual(defined);
    expect(await store.readAll({ after: head, limit: 10 })).toMatchObject({ facts: [{ type: 'PlanDefined' }] });
  });

  it('that is refused writes nothing', async () => {
    const { writer, store } = await catalogueFixture();
    const head = await store.head();
    const refusals = [
      await writer.changeModel({ type: 'PutModel', modelId: 'mine', input: { ...MODEL_INPUT, minimumPlan: 'gold' } }, meta()),
      await writer.changeModel({ type: 'PutModel', modelId: 'mine', input: { ...MODEL_INPUT, provider: 'fleet' } }, meta()),
      await writer.changeModel({ type: 'PutModel', modelId: 'No Id', input: MODEL_INPUT }, meta()),
      await writer.changeModel({ type: 'RetireModel', modelId: '../etc' }, meta()),
      await writer.changeModel({ type: 'RetireModel', modelId: 'nothing' }, meta()),
      await writer.changePlan('No Id', { name: 'x', rank: 0, monthlyAllowance: 1 }, meta()),
    ];
    expect(refusals.map((refusal) => (refusal.ok ? null : refusal.code))).toEqual([
      'validation_failed',
      'fleet_not_configured',
      'validation_failed',
      'not_found',
      'not_found',
      'validation_failed',
    ]);
    expect(await store.head()).toBe(head);
  });

  it('made by many at once is each a version of its own, none lost', async () => {
    const { writer, catalogue } = await catalogueFixture();
    const prices = [71, 72, 73, 74];
    const results = await Promise.all(
      prices.map((credits) =>
        writer.changeModel({ type: 'PriceModel', modelId: 'kling-ai-5s', credits, effectiveAt: null, reason: 'race' }, meta()),
      ),
    );
    expect(results.every((result) => result.ok)).toBe(true);
    expect(must(catalogue.model('kling-ai-5s')).prices.map((price) => price.priceVersion)).toEqual(
      [1, 2, 3, 4, 5].map((n) => `kling-ai-5s@${n}`),
    );
  });

  it('may name a plan that another process defined a moment ago', async () => {
    const here = await catalogueFixture();
    const there = await catalogueFixture({ store: here.store, clock: here.clock });
    await there.writer.changePlan('team', { name: 'Team', rank: 3, monthlyAllowance: 5_000 }, meta());
    const result = await here.writer.changeModel(
      { type: 'PutModel', modelId: 'mine', input: { ...MODEL_INPUT, minimumPlan: 'team' } },
      meta(),
    );
    expect(result.ok).toBe(true);
  });
});

describe('another process', () => {
  it('follows, and can be waited for', async () => {
    const here = await catalogueFixture();
    const there = await catalogueFixture({ store: here.store, clock: here.clock });
    await there.catalogue.start();
    try {
      const result = await here.writer.changeModel({ type: 'PutModel', modelId: 'mine', input: MODEL_INPUT }, meta());
      expect(await there.catalogue.waitFor(must(result.position), 60_000)).toBe(true);
      expect(modelView(must(there.catalogue.model('mine')), NOON)).toEqual(view<ModelView>(result));
      expect(there.catalogue.models()).toEqual(here.catalogue.models());
    } finally {
      await there.catalogue.close();
    }
  });

  it('that has not followed yet learns of it by looking', async () => {
    const here = await catalogueFixture();
    const there = await catalogueFixture({ store: here.store, clock: here.clock });
    await here.writer.changeModel({ type: 'PutModel', modelId: 'mine', input: MODEL_INPUT }, meta());
    expect(there.catalogue.model('mine')).toBeNull();
    await there.catalogue.refresh();
    expect(there.catalogue.model('mine')).not.toBeNull();
  });

  it('that waits for what never comes is told so', async () => {
    const { catalogue } = await catalogueFixture();
    expect(await catalogue.waitFor('9999999999999999', 20)).toBe(false);
    expect(await catalogue.waitFor(catalogue.position, 20)).toBe(true);
  });

  it('goes on following after the store was lost for a while', async () => {
    const here = await catalogueFixture();
    const there = await catalogueFixture({ store: here.store, clock: here.clock });
    const readAll = here.store.readAll.bind(here.store);
    await there.catalogue.start();
    try {
      let failures = 0;
      here.store.readAll = () => {
        failures += 1;
        return Promise.reject(new Error('gone'));
      };
      await until(() => failures > 0);
      here.store.readAll = readAll;
      const result = await here.writer.changeModel({ type: 'PutModel', modelId: 'mine', input: MODEL_INPUT }, meta());
      expect(await there.catalogue.waitFor(must(result.position), 60_000)).toBe(true);
    } finally {
      await there.catalogue.close();
    }
  });
});
