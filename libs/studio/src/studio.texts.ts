// 2 → 3 · opens the studio's erasable texts where they stand in the log; asked by handlers, by rendering and by what submits tasks.
import { LRUCache } from 'lru-cache';
import type { JsonValue } from '#libs/kernel';
import { tenantStream, type CustomerKeys, type EventStore, type StoredFact } from '#libs/event-store';
import { strings, variablesOf, type BriefTexts } from './brief/brief.view.js';
import type { BriefState } from './brief/brief.state.js';
import type { PromptState, PromptVersionState } from './prompt/prompt.state.js';

const FACTS_KEPT_MAX = 10_000;

export class StudioTexts {
  /** Facts never change; what they seal is opened anew each time, for its key may have been erased. */
  private readonly facts = new LRUCache<string, StoredFact>({ max: FACTS_KEPT_MAX });

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly keys: CustomerKeys,
  ) {}

  async ofBrief(tenant: string, { content, readyAt }: BriefState): Promise<BriefTexts> {
    if (content === null) return {};
    const stream = tenantStream('brief', tenant, content.briefId);
    const owner = content.accountId ?? '';
    const created = await this.at(tenant, owner, stream, 0);
    const readied = readyAt === null ? {} : await this.at(tenant, owner, stream, readyAt);
    const { goal, mustInclude, mustAvoid } = created;
    return { goal, mustInclude, mustAvoid, variables: readied['variables'] };
  }

  /** Null where it cannot be opened. */
  async ofVersion(tenant: string, promptId: string, { revision }: PromptVersionState): Promise<string | null> {
    const { template } = await this.at(tenant, '', tenantStream('prompt', tenant, promptId), revision);
    return typeof template === 'string' ? template : null;
  }

  async ofPrompt(tenant: string, state: PromptState): Promise<{ name: string | null; templates: Map<number, string | null> }> {
    const promptId = state.promptId ?? '';
    const { name } = await this.at(tenant, '', tenantStream('prompt', tenant, promptId), 0);
    const templates = new Map<number, string | null>();
    for (const version of state.versions) templates.set(version.version, await this.ofVersion(tenant, promptId, version));
    return { name: typeof name === 'string' ? name : null, templates };
  }

  async open(fact: StoredFact, owner: string): Promise<Record<string, JsonValue>> {
    if (fact.sealed === null) return {};
    return (await this.keys.openerFor(fact.tenant, owner))?.open(fact.sealed) ?? {};
  }

  private async at(tenant: string, owner: string, stream: string, revision: number): Promise<Record<string, JsonValue>> {
    const name = `${stream}@${revision}`;
    let fact = this.facts.get(name);
    if (fact === undefined) {
      [fact] = await this.store.readStream(stream, { fromRevision: revision, limit: 1 });
      if (fact === undefined) return {};
      this.facts.set(name, fact);
    }
    return this.open(fact, owner);
  }
}

/** What a brief supplies to a template: its fields in snake_case, those that it leaves open left out. */
export function briefFields({ content }: BriefState, texts: BriefTexts): Map<string, JsonValue> {
  const fields = new Map<string, JsonValue>();
  if (content === null) return fields;
  fields.set('brief_id', content.briefId).set('channel', content.channel).set('format', content.format);
  fields.set('duration_seconds', content.durationSeconds);
  if (typeof texts.goal === 'string') fields.set('goal', texts.goal);
  // An empty list is a list; one that was forgotten is missing.
  if (content.mustInclude === null || texts.mustInclude !== undefined) fields.set('must_include', strings(texts.mustInclude));
  if (content.mustAvoid === null || texts.mustAvoid !== undefined) fields.set('must_avoid', strings(texts.mustAvoid));
  fields.set('risk_level', content.riskLevel).set('consistency_requirement', content.consistencyRequirement);
  if (content.campaign !== null) fields.set('campaign', content.campaign);
  fields.set('paid', content.paid).set('sensitive_categories', content.sensitiveCategories).set('gates', content.gates);
  return fields;
}

/** Those given at `ready`, as far as the template knows them: another version than the brief's own may need fewer. */
export function defaultVariables(texts: BriefTexts, used: readonly string[]): Record<string, JsonValue | undefined> {
  return Object.fromEntries(Object.entries(variablesOf(texts.variables)).filter(([name]) => used.includes(name)));
}
