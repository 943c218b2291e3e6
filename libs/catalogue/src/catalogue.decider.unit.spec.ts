// Shows how models and plans are listed, priced, retired and defined: what changes, what stays, and what is refused.
import { describe, expect, it } from '@jest/globals';
import { CREDITS_MAX, isRefusal, toIso, UNCHANGED } from '#libs/kernel';
import type { ModelFact } from './catalogue.facts.js';
import type { ModelInput, PlanInput } from './catalogue.messages.js';
import type { CatalogueModel } from './catalogue.port.js';
import { modelView } from './catalogue.view.js';
import { decideModel, evolveModel, type ModelCommand, type ModelDecision } from './model.decider.js';
import { decidePlan, evolvePlan } from './plan.decider.js';
import { MODEL_INPUT, must, NOON } from './testing/catalogue.fixture.js';

const references = { planExists: (plan: string) => plan !== 'gold', providerExists: (provider: string) => provider === 'simulator' };

class Story {
  model: CatalogueModel | null = null;

  when(command: ModelCommand, at = NOON): ModelDecision {
    return decideModel(this.model, command, references, at);
  }

  then(command: ModelCommand, at = NOON): this {
    const decision = this.when(command, at);
    for (const fact of decision as ModelFact[]) {
      const revision = (this.model?.revision ?? -1) + 1;
      this.model = evolveModel(this.model, fact, { revision, position: String(revision).padStart(16, '0') });
    }
    return this;
  }
}

const put = (changes: Partial<ModelInput> = {}, modelId = 'test'): ModelCommand => ({
  type: 'PutModel',
  modelId,
  input: { ...MODEL_INPUT, ...changes },
});
const reprice = (credits: number, effectiveAt: number | null = null, reason = 'market'): ModelCommand => ({
  type: 'PriceModel',
  modelId: 'test',
  credits,
  effectiveAt,
  reason,
});
const retire: ModelCommand = { type: 'RetireModel', modelId: 'test' };
const listed = (): Story => new Story().then(put());
const types = (decision: ModelDecision): string[] => (Array.isArray(decision) ? decision.map((fact) => fact.type) : []);
const pointers = (decision: unknown): string[] =>
  isRefusal(decision) ? ((decision.fields?.['errors'] ?? []) as Array<{ pointer: string }>).map((error) => error.pointer) : [];

describe('a model', () => {
  it('is listed together with its first price', () => {
    expect(listed().model).toMatchObject({
      id: 'test',
      provider: 'simulator',
      retiredAt: null,
      prices: [{ priceVersion: 'test@1', credits: 100, effectiveAt: NOON }],
    });
  });

  it('put again with the same content is unchanged', () => {
    expect(listed().when(put(), NOON + 5)).toBe(UNCHANGED);
    expect(listed().when(put({ provider: 'simulator', modifiers: null }))).toBe(UNCHANGED);
    const fractions = {
      perSecond: { includedSeconds: 2.5, creditsPerSecond: 0.1 },
      resolution: { '1080p': '1.5' },
      maxDurationSeconds: 60,
    };
    expect(new Story().then(put({ modifiers: fractions })).when(put({ modifiers: fractions }))).toBe(UNCHANGED);
  });

  it('put with another definition is listed anew, and keeps its price', () => {
    expect(types(listed().when(put({ name: 'Renamed' })))).toEqual(['ModelListed']);
  });

  it('put with other credits or modifiers gets the next price version', () => {
    expect(listed().when(put({ credits: 120 }))).toMatchObject([{ type: 'ModelPriced', data: { priceVersion: 'test@2', credits: 120 } }]);
    const modifiers = { resolution: { '1080p': '1.5' } };
    expect(types(listed().when(put({ modifiers })))).toEqual(['ModelListed', 'ModelPriced']);
  });

  it('keeps fractions of its definition as decimal strings in the facts and shows them as they were put', () => {
    const modifiers = { perSecond: { includedSeconds: 2.5, creditsPerSecond: 3 }, maxDurationSeconds: 7.25 };
    const story = new Story();
    expect(story.when(put({ durationSeconds: 5.5, modifiers }))).toMatchObject([
      {
        data: {
          durationSeconds: '5.5',
          modifiers: { perSecond: { includedSeconds: '2.5', creditsPerSecond: 3 }, maxDurationSeconds: '7.25' },
        },
      },
      { data: { modifiers: { maxDurationSeconds: '7.25' } } },
    ]);
    expect(modelView(must(story.then(put({ durationSeconds: 5.5, modifiers })).model), NOON)).toMatchObject({
      durationSeconds: 5.5,
      modifiers,
    });
  });

  it('names what is wrong with a definition', () => {
    const wrong: Array<[Partial<ModelInput>, string]> = [
      [{ name: '' }, '/name'],
      [{ name: ' ' }, '/name'],
      [{ name: 'x'.repeat(201) }, '/name'],
      [{ family: 'Kling' }, '/family'],
      [{ outputType: 'hologram' as 'video' }, '/outputType'],
      [{ credits: -1 }, '/credits'],
      [{ credits: 1.5 }, '/credits'],
      [{ credits: CREDITS_MAX + 1 }, '/credits'],
      [{ durationSeconds: 0 }, '/durationSeconds'],
      [{ durationSeconds: -1 }, '/durationSeconds'],
      [{ durationSeconds: 61, modifiers: { maxDurationSeconds: 60 } }, '/durationSeconds'],
      [{ minimumPlan: 'gold' }, '/minimumPlan'],
      [{ provider: 'unheard-of' }, '/provider'],
      [{ modifiers: { perSecond: { includedSeconds: -1, creditsPerSecond: 1 } } }, '/modifiers/perSecond/includedSeconds'],
      [{ modifiers: { perSecond: { includedSeconds: 0, creditsPerSecond: 1e-21 } } }, '/modifiers/perSecond/creditsPerSecond'],
      [{ modifiers: { resolution: { '1080p': '0' } } }, '/modifiers/resolution/1080p'],
      [{ modifiers: { resolution: { '1080p': 1.5 as unknown as string } } }, '/modifiers/resolution/1080p'],
      [{ modifiers: { resolution: { ['__proto__']: '1' } } }, '/modifiers/resolution/__proto__'],
      [{ modifiers: { outputType: { hologram: '1' } } }, '/modifiers/outputType/hologram'],
      [{ durationSeconds: null, modifiers: { maxDurationSeconds: 0 } }, '/modifiers/maxDurationSeconds'],
      [{ modifiers: { surge: 2 } as object }, '/modifiers/surge'],
    ];
    for (const [changes, at] of wrong) expect(pointers(new Story().when(put(changes)))).toEqual([at]);
    expect(pointers(new Story().when(put({ provider: 'fleet', name: '' })))).toEqual(['/name']);
    expect(new Story().when(put({ provider: 'fleet' }))).toMatchObject({
      code: 'fleet_not_configured',
      fields: { errors: [{ pointer: '/provider' }] },
    });
    const withKafka = { ...references, providerExists: () => true };
    expect(decideModel(null, put({ provider: 'fleet' }), withKafka, NOON)).toMatchObject([{ data: { provider: 'fleet' } }, {}]);
    expect(pointers(new Story().when(put({}, 'Not An Id')))).toEqual(['/id']);
    expect(pointers(new Story().when(put({}, 'x'.repeat(65))))).toEqual(['/id']);
  });
});

describe('a price version', () => {
  it('is numbered, immutable, and in effect from now unless it says when', () => {
    const story = listed().then(reprice(120), NOON + 10);
    expect(must(story.model).prices).toMatchObject([
      { priceVersion: 'test@1', credits: 100 },
      { priceVersion: 'test@2', credits: 120, effectiveAt: NOON + 10 },
    ]);
  });

  it('can be laid down for the future, and leaves the present price alone until then', () => {
    const story = listed().then(reprice(120, NOON + 1_000), NOON + 10);
    expect(modelView(must(story.model), NOON + 999)).toMatchObject({ credits: 100, priceVersion: 'test@1' });
    expect(modelView(must(story.model), NOON + 1_000)).toMatchObject({ credits: 120, priceVersion: 'test@2' });
  });

  it('never reaches back: one dated in the past takes effect when it is decided', () => {
    expect(listed().when(reprice(120, NOON - 5_000), NOON + 10)).toMatchObject([{ data: { effectiveAt: toIso(NOON + 10) } }]);
  });

  it('said again is unchanged, now or for the future', () => {
    expect(
      listed()
        .then(reprice(120))
        .when(reprice(120), NOON + 10),
    ).toBe(UNCHANGED);
    const planned = reprice(120, NOON + 1_000);
    expect(
      listed()
        .then(planned)
        .when(planned, NOON + 10),
    ).toBe(UNCHANGED);
    expect(
      types(
        listed()
          .then(planned)
          .when(reprice(130, NOON + 1_000), NOON + 10),
      ),
    ).toEqual(['ModelPriced']);
  });

  it('back to an earlier price is a version of its own', () => {
    expect(
      listed()
        .then(reprice(120))
        .when(reprice(100), NOON + 10),
    ).toMatchObject([{ data: { priceVersion: 'test@3', credits: 100 } }]);
  });

  it('keeps the modifiers of the model as they are when it is decided', () => {
    const modifiers = { resolution: { '1080p': '1.5' } };
    expect(must(new Story().then(put({ modifiers })).then(reprice(120)).model).prices[1]).toMatchObject({ modifiers });
  });

  it('needs a model, credits and a reason', () => {
    expect(new Story().when(reprice(1))).toMatchObject({ refused: true, code: 'not_found' });
    expect(pointers(listed().when(reprice(-1, null, '')))).toEqual(['/credits', '/reason']);
  });
});

describe('a retired model', () => {
  it('stays readable with its prices, and retires once', () => {
    const story = listed().then(retire, NOON + 10);
    expect(story.model).toMatchObject({ retiredAt: NOON + 10, prices: [{ priceVersion: 'test@1' }] });
    expect(story.when(retire)).toBe(UNCHANGED);
    expect(new Story().when(retire)).toMatchObject({ refused: true, code: 'not_found' });
  });

  it('is not priced, and is listed again by the same PUT', () => {
    const story = listed().then(retire);
    expect(story.when(reprice(120))).toMatchObject({ refused: true, code: 'conflict' });
    expect(types(story.when(put()))).toEqual(['ModelListed']);
    expect(must(story.then(put()).model).retiredAt).toBeNull();
  });
});

describe('a plan', () => {
  const input: PlanInput = { name: 'Pro', rank: 1, monthlyAllowance: 2_000 };
  const define = (plan: Parameters<typeof decidePlan>[0], changes: Partial<PlanInput> = {}, id = 'pro'): ReturnType<typeof decidePlan> =>
    decidePlan(plan, id, { ...input, ...changes }, NOON);
  const defined = evolvePlan(must((define(null) as Extract<ReturnType<typeof define>, unknown[]>)[0]), { revision: 0, position: '0' });

  it('has a version that grows with every change, and defaults for what is left out', () => {
    expect(defined).toMatchObject({ id: 'pro', version: 1, upgradeCredit: 'full', weight: 1 });
    expect(define(defined, { monthlyAllowance: 3_000 })).toMatchObject([
      { type: 'PlanDefined', data: { version: 2, monthlyAllowance: 3_000 } },
    ]);
  });

  it('put again with the same content is unchanged', () => {
    expect(define(defined)).toBe(UNCHANGED);
    expect(define(defined, { upgradeCredit: 'full', weight: 1 })).toBe(UNCHANGED);
  });

  it('names what is wrong with its definition', () => {
    const wrong: Array<[Partial<PlanInput>, string]> = [
      [{ name: '' }, '/name'],
      [{ rank: -1 }, '/rank'],
      [{ rank: 0.5 }, '/rank'],
      [{ monthlyAllowance: 1.5 }, '/monthlyAllowance'],
      [{ monthlyAllowance: CREDITS_MAX + 1 }, '/monthlyAllowance'],
      [{ upgradeCredit: 'half' as 'full' }, '/upgradeCredit'],
      [{ weight: 0 }, '/weight'],
      [{ weight: 101 }, '/weight'],
    ];
    for (const [changes, at] of wrong) expect(pointers(define(null, changes))).toEqual([at]);
    expect(pointers(define(null, {}, 'Pro!'))).toEqual(['/id']);
  });
});
