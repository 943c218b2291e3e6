// 2 decide · the catalogue as it was before a position of the log: what a decision of then is decided on again.
import type { InstantMs, JsonObject, Refusal } from '#libs/kernel';
import { deploymentStream, type EventStore, type Position } from '#libs/event-store';
import {
  evolveModel,
  evolvePlan,
  priceRequest,
  type Catalogue,
  type CatalogueModel,
  type CataloguePlan,
  type ModelFact,
  type PlanFact,
  type Priced,
  type ProviderRules,
} from '#libs/catalogue';

export class CatalogueThen implements Pick<Catalogue, 'price' | 'plan' | 'model'> {
  constructor(
    private readonly models: ReadonlyMap<string, CatalogueModel>,
    private readonly plans: ReadonlyMap<string, CataloguePlan>,
  ) {}

  /** `parameters` are those of a fact, which were found to be the provider's when they were sent. */
  price(modelId: string, parameters: JsonObject | undefined, at: InstantMs): Priced | Refusal<'unknown_model' | 'validation_failed'> {
    const asked = parameters === undefined ? undefined : asAsked(parameters);
    return priceRequest(this.model(modelId), modelId, asked, at, rulesFor(Object.keys(parameters ?? {})));
  }

  model(id: string): CatalogueModel | null {
    return this.models.get(id) ?? null;
  }

  plan(id: string): CataloguePlan | null {
    return this.plans.get(id) ?? null;
  }
}

/** A fact keeps a fraction as a decimal string; the price is computed from the number that was asked for. */
function asAsked(parameters: JsonObject): JsonObject {
  const { durationSeconds } = parameters;
  return typeof durationSeconds === 'string' ? { ...parameters, durationSeconds: Number(durationSeconds) } : parameters;
}

/** What a provider takes was judged when it was sent, and is no part of the decision over credits. */
function rulesFor(names: readonly string[]): ProviderRules {
  return { capabilities: { parameters: names }, validate: () => [] };
}

/** The models and plans named, and the plans that the models need; facts at the position and after it are left out. */
export async function catalogueBefore(
  store: Pick<EventStore, 'readStreams'>,
  position: Position,
  models: readonly string[],
  plans: readonly string[],
): Promise<CatalogueThen> {
  const known = new Map<string, CatalogueModel>();
  const modelStreams = await store.readStreams([...new Set(models)].map((id) => deploymentStream('model', id)));
  for (const facts of modelStreams.values()) {
    let model: CatalogueModel | null = null;
    for (const fact of facts) if (fact.position < position) model = evolveModel(model, fact as unknown as ModelFact, fact);
    if (model !== null) known.set(model.id, model);
  }
  const names = new Set([...plans, ...[...known.values()].map((model) => model.minimumPlan)]);
  const defined = new Map<string, CataloguePlan>();
  const planStreams = await store.readStreams([...names].map((id) => deploymentStream('plan', id)));
  for (const facts of planStreams.values()) {
    for (const fact of facts) {
      if (fact.position >= position) continue;
      const plan = evolvePlan(fact as unknown as PlanFact, fact);
      defined.set(plan.id, plan);
    }
  }
  return new CatalogueThen(known, defined);
}
