// 3 append · writes what was decided over a model or a plan, and lets this process know it at once; called by the catalogue's handlers.
import { invariant, isRefusal, type Clock, type Decision, type InstantMs, type JsonObject } from '#libs/kernel';
import { deploymentStream, EventStoreUnavailable, NO_STREAM } from '#libs/event-store';
import type { CommandMeta, EventStore, StoredFact, WriteResult } from '#libs/event-store';
import { CATALOGUE_FACT_VERSIONS, type CatalogueFact, type ModelFact, type PlanFact } from './catalogue.facts.js';
import type { PlanInput } from './catalogue.messages.js';
import type { CatalogueMemory } from './catalogue.memory.js';
import type { CatalogueModel, CataloguePlan } from './catalogue.port.js';
import { modelView, planView, type ModelView, type PlanView } from './catalogue.view.js';
import { CATALOGUE_ID_PATTERN, decideModel, evolveModel, type ModelCommand } from './model.decider.js';
import { decidePlan, evolvePlan } from './plan.decider.js';

/** How often a change that lost a race is decided again on what won. */
const ATTEMPTS_MAX = 10;

export class CatalogueWriter {
  constructor(
    private readonly store: EventStore,
    private readonly catalogue: CatalogueMemory,
    private readonly clock: Clock,
  ) {}

  async changeModel(command: ModelCommand, meta: CommandMeta): Promise<WriteResult<ModelView>> {
    // Another process may have defined the plan that is named a moment ago.
    if (command.type === 'PutModel') await this.catalogue.refresh();
    const references = {
      planExists: (plan: string) => this.catalogue.plan(plan) !== null,
      providerExists: (provider: string) => this.catalogue.providerExists(provider),
    };
    return this.write(
      CATALOGUE_ID_PATTERN.test(command.modelId) ? deploymentStream('model', command.modelId) : null,
      meta,
      foldModel,
      (model, at) => decideModel(model, command, references, at),
      (model, at) => ({ view: modelView(model, at), position: model.position }),
    );
  }

  async changePlan(planId: string, input: PlanInput, meta: CommandMeta): Promise<WriteResult<PlanView>> {
    return this.write(
      CATALOGUE_ID_PATTERN.test(planId) ? deploymentStream('plan', planId) : null,
      meta,
      foldPlan,
      (plan, at) => decidePlan(plan, planId, input, at),
      (plan) => ({ view: planView(plan), position: plan.position }),
    );
  }

  /** `stream` null: the id can name none, so the decision on nothing is the refusal. */
  private async write<State, View>(
    stream: string | null,
    meta: CommandMeta,
    fold: (facts: readonly StoredFact[]) => State | null,
    decide: (state: State | null, at: InstantMs) => Decision<CatalogueFact>,
    answer: (state: State, at: InstantMs) => { view: View; position: string },
  ): Promise<WriteResult<View>> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const before = stream === null ? [] : await this.store.readStream(stream);
      const state = fold(before);
      const at = this.clock.now();
      const decision = decide(state, at);
      if (isRefusal(decision)) return { ...decision, ok: false };
      invariant(stream !== null, 'a catalogue change was decided for an id that is none');
      if (!Array.isArray(decision)) {
        invariant(state !== null, `nothing stands in ${stream}, yet nothing was to be changed`);
        this.catalogue.apply(before);
        return { ok: true, ...answer(state, at), replayed: false };
      }
      const expectedRevision = before.at(-1)?.revision ?? NO_STREAM;
      const appended = await this.store.append({ meta, appends: [{ stream, expectedRevision, facts: decision.map(toNewFact) }] });
      if (!appended.ok) continue;
      const after = await this.store.readStream(stream);
      this.catalogue.apply(after);
      const written = fold(after.filter((fact) => fact.position <= appended.position));
      invariant(written !== null, `what was written to ${stream} cannot be read`);
      return { ok: true, ...answer(written, at), replayed: false };
    }
    throw new EventStoreUnavailable(`${stream ?? 'nothing'} changed ${ATTEMPTS_MAX} times while it was being changed`);
  }
}

export function toNewFact(fact: CatalogueFact): { type: string; schemaVersion: number; data: JsonObject } {
  return { type: fact.type, schemaVersion: CATALOGUE_FACT_VERSIONS[fact.type], data: fact.data as unknown as JsonObject };
}

function foldModel(facts: readonly StoredFact[]): CatalogueModel | null {
  let model: CatalogueModel | null = null;
  for (const fact of facts) model = evolveModel(model, { type: fact.type, data: fact.data } as unknown as ModelFact, fact);
  return model;
}

function foldPlan(facts: readonly StoredFact[]): CataloguePlan | null {
  const last = facts.at(-1);
  return last === undefined ? null : evolvePlan({ type: last.type, data: last.data } as unknown as PlanFact, last);
}
