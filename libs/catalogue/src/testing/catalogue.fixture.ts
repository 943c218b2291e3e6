// A catalogue on a log in memory, with a provider that declares `simulate`: what the catalogue's specs stand on.
import { invariant, type Clock, type InstantMs } from '#libs/kernel';
import { MemoryEventStore, processMeta, type CommandMeta, type RequestContext } from '#libs/event-store';
import { CatalogueMemory } from '../catalogue.memory.js';
import type { ModelInput } from '../catalogue.messages.js';
import type { CatalogueModel, PriceVersion } from '../catalogue.port.js';
import { CatalogueWriter } from '../catalogue.writer.js';
import type { ProviderRules } from '../parameters.js';
import { seedCatalogue } from '../seed.js';

export const NOON = Date.parse('2026-11-21T12:00:00Z');

export class StoppedClock implements Clock {
  constructor(public at: InstantMs = NOON) {}

  now(): InstantMs {
    return this.at;
  }
}

export const SIMULATOR: ProviderRules = {
  capabilities: { parameters: ['simulate'] },
  validate: ({ simulate }) =>
    simulate === undefined || (typeof simulate === 'object' && simulate !== null)
      ? []
      : [{ pointer: '/parameters/simulate', detail: 'must be an object' }],
};
export const PROVIDERS_OF_TEST: ReadonlyMap<string, ProviderRules> = new Map([
  ['simulator', SIMULATOR],
  ['vendor', { capabilities: { parameters: [] }, validate: () => [] }],
]);

export interface CatalogueFixture {
  clock: StoppedClock;
  store: MemoryEventStore;
  catalogue: CatalogueMemory;
  writer: CatalogueWriter;
}

/** With the default plans and models unless `seeded: false`; shares the store given, as another process would. */
export async function catalogueFixture(
  options: { seeded?: boolean; store?: MemoryEventStore; clock?: StoppedClock } = {},
): Promise<CatalogueFixture> {
  const clock = options.clock ?? new StoppedClock();
  const store = options.store ?? new MemoryEventStore(clock);
  if (options.seeded !== false) await seedCatalogue(store, clock);
  const catalogue = new CatalogueMemory(store, PROVIDERS_OF_TEST);
  await catalogue.refresh();
  return { clock, store, catalogue, writer: new CatalogueWriter(store, catalogue, clock) };
}

export function meta(): CommandMeta {
  return processMeta('default', 'test', null);
}

export function contextOf(changes: Partial<RequestContext> = {}): RequestContext {
  const request = { method: 'POST', path: '/v1/quotes', body: {}, idempotencyKey: null };
  return { tenant: 'default', actor: 'key_1', correlationId: 'req_1', causationId: null, accounts: null, ...request, ...changes };
}

export const MODEL_INPUT: ModelInput = {
  name: 'Test Model',
  family: 'test',
  outputType: 'video',
  durationSeconds: 5,
  credits: 100,
  minimumPlan: 'free',
};

export function modelOf(changes: Partial<CatalogueModel> & { price?: Partial<PriceVersion> } = {}): CatalogueModel {
  const { price, ...model } = changes;
  const first = { priceVersion: 'test@1', credits: 100, modifiers: null, effectiveAt: NOON, reason: 'listed', position: '1', ...price };
  const definition = {
    name: 'Test',
    family: 'test',
    outputType: 'video',
    durationSeconds: 5,
    minimumPlan: 'free',
    provider: 'simulator',
  } as const;
  return { id: 'test', ...definition, modifiers: null, retiredAt: null, prices: [first], revision: 1, position: '2', ...model };
}

export function must<Value>(value: Value | null | undefined): Value {
  invariant(value !== null && value !== undefined, 'the spec expected something where there is nothing');
  return value;
}
