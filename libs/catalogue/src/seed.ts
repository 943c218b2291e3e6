// 3 append · gives a new deployment its default plans and models, once; called at the start of every process that holds the catalogue.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandIdOf, invariant, keyDigest, type Clock } from '#libs/kernel';
import { deploymentStream, NO_STREAM, processMeta, type EventStore } from '#libs/event-store';
import type { CatalogueFact } from './catalogue.facts.js';
import type { ModelInput, PlanInput } from './catalogue.messages.js';
import { toNewFact } from './catalogue.writer.js';
import { decideModel, DEFAULT_PROVIDER } from './model.decider.js';
import { decidePlan } from './plan.decider.js';

/** The deployment's own tenant: its keys may change the catalogue, and what the deployment does by itself is recorded under it. */
const SEED_TENANT = 'default';

/**
 * Writes each default plan and model whose stream does not exist; answers how many it wrote. What an operator changed or retired has a stream,
 * so it stays; two processes at once write the same command at no-stream, and one of them writes nothing.
 */
export async function seedCatalogue(store: EventStore, clock: Clock): Promise<number> {
  const entries = defaults(clock);
  const heads = await store.headsOf([...entries.keys()]);
  let written = 0;
  for (const [stream, facts] of entries) {
    if ((heads.get(stream) ?? NO_STREAM) !== NO_STREAM) continue;
    const commandId = commandIdOf(keyDigest(SEED_TENANT, 'default-catalogue', stream));
    const meta = processMeta(SEED_TENANT, 'seed', null, commandId);
    const appended = await store.append({ meta, appends: [{ stream, expectedRevision: NO_STREAM, facts: facts.map(toNewFact) }] });
    if (appended.ok && !appended.repeated) written += 1;
  }
  return written;
}

/** Stream → the facts that define it, decided by the same rules as an operator's request; plans come before the models that name them. */
function defaults(clock: Clock): Map<string, CatalogueFact[]> {
  const at = clock.now();
  const entries = new Map<string, CatalogueFact[]>();
  for (const { id, ...input } of read<PlanInput>('default-plans.json')) {
    entries.set(deploymentStream('plan', id), stated(decidePlan(null, id, input, at)));
  }
  const references = {
    planExists: (plan: string) => entries.has(deploymentStream('plan', plan)),
    providerExists: (provider: string) => provider === DEFAULT_PROVIDER,
  };
  for (const { id: modelId, ...input } of read<ModelInput>('default-catalogue.json')) {
    const decision = decideModel(null, { type: 'PutModel', modelId, input }, references, at);
    entries.set(deploymentStream('model', modelId), stated(decision));
  }
  return entries;
}

function stated(decision: unknown): CatalogueFact[] {
  invariant(Array.isArray(decision), () => `the default catalogue breaks its own rules: ${JSON.stringify(decision)}`);
  return decision as CatalogueFact[];
}

/** Read as files, since importing JSON makes Node 20 print a warning at every start. */
function read<Input>(file: string): Array<{ id: string } & Input> {
  return JSON.parse(readFileSync(join(dataDir(), file), 'utf8')) as Array<{ id: string } & Input>;
}

function dataDir(): string {
  // This file is libs/catalogue/src/seed.ts in source and dist/libs/catalogue/src/seed.js when built; the data stands beside the source.
  const beside = join(import.meta.dirname, '..', 'data');
  return existsSync(beside) ? beside : join(import.meta.dirname, '..', '..', '..', '..', 'libs', 'catalogue', 'data');
}
