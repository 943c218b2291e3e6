// 2 decide · how a model is listed, priced and retired, and what its facts add up to; called by the model handlers and the catalogue's memory.
import { isDeepStrictEqual } from 'node:util';
import { CREDITS_MAX, fromIso, refuse, toIso, UNCHANGED, unreachable } from '#libs/kernel';
import type { Decision, InstantMs } from '#libs/kernel';
import { OUTPUT_TYPES, type ModelFact, type Modifiers } from './catalogue.facts.js';
import type { ModelInput } from './catalogue.messages.js';
import type { CatalogueModel, PriceVersion } from './catalogue.port.js';
import { refuseFields, type FieldError } from './field-errors.js';
import { DURATION_SECONDS_MAX, fromStoredModifiers, modifierErrors, toStoredModifiers } from './modifiers.js';
import { exactNumber, fromStoredNumber, toStoredNumber } from './numbers.js';
import { priceInEffect } from './pricing.js';

/** Models, families, providers and plans are named alike. */
export const CATALOGUE_ID_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;
export const DEFAULT_PROVIDER = 'simulator';
/** Reached over Kafka, so a deployment without KAFKA_BROKERS does not have it. */
const FLEET_PROVIDER = 'fleet';
export const NAME_CHARACTERS_MAX = 200;
export const REASON_CHARACTERS_MAX = 500;
/** The reason of a price that came with its model's definition. */
const LISTED = 'listed';

export type ModelCommand =
  | { type: 'PutModel'; modelId: string; input: ModelInput }
  | { type: 'PriceModel'; modelId: string; credits: number; /** Default: now. */ effectiveAt: InstantMs | null; reason: string }
  | { type: 'RetireModel'; modelId: string };

/** What a definition may refer to. */
export interface ModelReferences {
  planExists(plan: string): boolean;
  providerExists(provider: string): boolean;
}

export type ModelDecision = Decision<ModelFact, 'validation_failed' | 'not_found' | 'conflict' | 'fleet_not_configured'>;

// ── Decide ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The same content again is unchanged; a price once decided is never changed, only followed by another. */
export function decideModel(
  model: CatalogueModel | null,
  command: ModelCommand,
  references: ModelReferences,
  at: InstantMs,
): ModelDecision {
  switch (command.type) {
    case 'PutModel':
      return decidePut(model, command.modelId, command.input, references, at);
    case 'PriceModel':
      return decidePrice(model, command, at);
    case 'RetireModel':
      if (model === null) return refuse('not_found', `there is no model ${command.modelId}`);
      if (model.retiredAt !== null) return UNCHANGED;
      return [{ type: 'ModelRetired', data: { modelId: model.id, decidedAt: toIso(at) } }];
    default:
      return unreachable(command, 'model command');
  }
}

function decidePut(
  model: CatalogueModel | null,
  modelId: string,
  input: ModelInput,
  references: ModelReferences,
  at: InstantMs,
): ModelDecision {
  const errors = definitionErrors(modelId, input, references);
  if (errors.length > 0) return refuseFields(errors);
  const { name, family, outputType, durationSeconds = null, credits, minimumPlan, provider = DEFAULT_PROVIDER, modifiers = null } = input;
  if (provider === FLEET_PROVIDER && !references.providerExists(provider)) {
    const detail = 'names the worker fleets, which this deployment cannot reach: KAFKA_BROKERS is not set';
    return refuse('fleet_not_configured', `/provider ${detail}`, { errors: [{ pointer: '/provider', detail }] });
  }
  const definition = { name, family, outputType, durationSeconds, minimumPlan, provider, modifiers };
  const decidedAt = toIso(at);
  const stored = {
    durationSeconds: durationSeconds === null ? null : toStoredNumber(durationSeconds),
    modifiers: toStoredModifiers(modifiers),
  };
  const facts: ModelFact[] = [];
  if (model === null || model.retiredAt !== null || !isDeepStrictEqual(definition, definitionOf(model))) {
    facts.push({ type: 'ModelListed', data: { modelId, name, family, outputType, minimumPlan, provider, ...stored, decidedAt } });
  }
  const present = model === null ? null : priceInEffect(model.prices, at);
  if (present?.credits !== credits || !isDeepStrictEqual(present.modifiers, modifiers)) {
    const priceVersion = nextPriceVersion(modelId, model);
    const price = { modelId, priceVersion, credits, modifiers: stored.modifiers, effectiveAt: decidedAt, reason: LISTED, decidedAt };
    facts.push({ type: 'ModelPriced', data: price });
  }
  return facts.length === 0 ? UNCHANGED : facts;
}

function decidePrice(model: CatalogueModel | null, command: Extract<ModelCommand, { type: 'PriceModel' }>, at: InstantMs): ModelDecision {
  const { modelId, credits, reason } = command;
  const errors = [...creditsErrors(credits, '/credits'), ...textErrors(reason, '/reason', REASON_CHARACTERS_MAX)];
  if (errors.length > 0) return refuseFields(errors);
  if (model === null) return refuse('not_found', `there is no model ${modelId}`);
  if (model.retiredAt !== null) return refuse('conflict', `model ${modelId} is retired; list it again before pricing it`);
  // No price reaches back: one that says so takes effect when it is decided, or what was quoted in between would have had two.
  const effectiveAt = Math.max(command.effectiveAt ?? at, at);
  const standing =
    effectiveAt === at ? priceInEffect(model.prices, at) : model.prices.findLast((price) => price.effectiveAt === effectiveAt);
  if (standing?.credits === credits && standing.reason === reason && isDeepStrictEqual(standing.modifiers, model.modifiers))
    return UNCHANGED;
  const priceVersion = nextPriceVersion(modelId, model);
  const modifiers = toStoredModifiers(model.modifiers);
  return [
    {
      type: 'ModelPriced',
      data: { modelId, priceVersion, credits, modifiers, effectiveAt: toIso(effectiveAt), reason, decidedAt: toIso(at) },
    },
  ];
}

function nextPriceVersion(modelId: string, model: CatalogueModel | null): string {
  return `${modelId}@${(model?.prices.length ?? 0) + 1}`;
}

function definitionOf(model: CatalogueModel): Omit<Required<ModelInput>, 'credits'> {
  const { name, family, outputType, durationSeconds, minimumPlan, provider, modifiers } = model;
  return { name, family, outputType, durationSeconds, minimumPlan, provider, modifiers };
}

function definitionErrors(modelId: string, input: ModelInput, references: ModelReferences): FieldError[] {
  const errors: FieldError[] = [];
  const { name, family, outputType, durationSeconds = null, credits, minimumPlan, provider = DEFAULT_PROVIDER, modifiers = null } = input;
  if (!CATALOGUE_ID_PATTERN.test(modelId)) errors.push({ pointer: '/id', detail: `of a model must match ${CATALOGUE_ID_PATTERN.source}` });
  errors.push(...textErrors(name, '/name', NAME_CHARACTERS_MAX));
  if (!CATALOGUE_ID_PATTERN.test(family)) errors.push({ pointer: '/family', detail: `must match ${CATALOGUE_ID_PATTERN.source}` });
  if (!OUTPUT_TYPES.includes(outputType)) errors.push({ pointer: '/outputType', detail: `must be one of ${OUTPUT_TYPES.join(', ')}` });
  errors.push(...creditsErrors(credits, '/credits'), ...durationErrors(durationSeconds, modifiers));
  if (!references.planExists(minimumPlan)) errors.push({ pointer: '/minimumPlan', detail: `names no plan: ${minimumPlan}` });
  if (provider !== FLEET_PROVIDER && !references.providerExists(provider))
    errors.push({ pointer: '/provider', detail: `names no provider of this deployment: ${provider}` });
  return errors;
}

function durationErrors(durationSeconds: number | null, modifiers: Modifiers | null): FieldError[] {
  const errors = modifiers === null ? [] : modifierErrors(modifiers);
  if (durationSeconds === null) return errors;
  const max = modifiers?.maxDurationSeconds ?? DURATION_SECONDS_MAX;
  if (exactNumber(durationSeconds) === null || durationSeconds === 0 || durationSeconds > max) {
    errors.push({ pointer: '/durationSeconds', detail: `must be a number above 0 and at most ${max}, with at most 20 decimals` });
  }
  return errors;
}

export function creditsErrors(credits: number, at: string): FieldError[] {
  const isCredits = Number.isSafeInteger(credits) && credits >= 0 && credits <= CREDITS_MAX;
  return isCredits ? [] : [{ pointer: at, detail: `must be a whole number from 0 to ${CREDITS_MAX}` }];
}

export function textErrors(text: string, at: string, charactersMax: number): FieldError[] {
  const isText = typeof text === 'string' && text.trim().length > 0 && text.length <= charactersMax;
  return isText ? [] : [{ pointer: at, detail: `must be a text of 1 to ${charactersMax} characters` }];
}

// ── Evolve ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Where a fact stands: the catalogue answers with it. */
export interface FactPlace {
  revision: number;
  position: string;
}

/** Copies where others fold in place: the catalogue hands models out, and nobody's model may change under them. */
export function evolveModel(model: CatalogueModel | null, fact: ModelFact, place: FactPlace): CatalogueModel {
  const before = model ?? { ...UNLISTED, id: fact.data.modelId };
  const { revision, position } = place;
  switch (fact.type) {
    case 'ModelListed': {
      const { name, family, outputType, minimumPlan, provider, durationSeconds, modifiers } = fact.data;
      const seconds = durationSeconds === null ? null : fromStoredNumber(durationSeconds);
      const definition = {
        name,
        family,
        outputType,
        minimumPlan,
        provider,
        durationSeconds: seconds,
        modifiers: fromStoredModifiers(modifiers),
      };
      return { ...before, ...definition, retiredAt: null, revision, position };
    }
    case 'ModelPriced': {
      const { priceVersion, credits, modifiers, effectiveAt, reason } = fact.data;
      const price: PriceVersion = {
        priceVersion,
        credits,
        modifiers: fromStoredModifiers(modifiers),
        effectiveAt: fromIso(effectiveAt),
        reason,
        position,
      };
      return { ...before, prices: [...before.prices, price], revision, position };
    }
    case 'ModelRetired':
      return { ...before, retiredAt: fromIso(fact.data.decidedAt), revision, position };
    default:
      return unreachable(fact, 'model fact');
  }
}

const UNLISTED: CatalogueModel = {
  id: '',
  name: '',
  family: '',
  outputType: 'video',
  durationSeconds: null,
  minimumPlan: '',
  provider: DEFAULT_PROVIDER,
  modifiers: null,
  retiredAt: null,
  prices: [],
  revision: -1,
  position: '',
};
