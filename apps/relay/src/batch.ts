// 6 publish · turns a page of the log into what goes to each topic, in order; called by the relay while the batch before is on its way.
import type { JsonValue } from '#libs/kernel';
import { parseStream, type CustomerKeys, type LogPage, type Position, type StoredFact } from '#libs/event-store';
import { factsTopic, type OutgoingMessage, type PublishedCategory, type TopicSettings } from '#libs/messaging';
import { categoryOf, toCloudEvent } from './cloud-event.js';

export interface Outgoing {
  position: Position;
  message: OutgoingMessage;
}

export interface Batch {
  /** Everything up to here is in this batch or is not published at all. */
  to: Position;
  /** Recorded-at of the oldest fact of it; null when it has none. */
  oldestAtMs: number | null;
  topics: Array<{ topic: string; outgoing: Outgoing[] }>;
}

export interface BatchSettings extends TopicSettings {
  deploymentName: string;
  kafkaIncludeText: boolean;
}

export async function batchOf(page: LogPage, settings: BatchSettings, keys: CustomerKeys): Promise<Batch> {
  const texts = settings.kafkaIncludeText ? await textsOf(page.facts, keys) : null;
  const byCategory = new Map<PublishedCategory, Outgoing[]>();
  for (const fact of page.facts) {
    const category = categoryOf(fact);
    if (category === null) continue;
    const outgoing = byCategory.get(category) ?? [];
    if (outgoing.length === 0) byCategory.set(category, outgoing);
    const message = toCloudEvent(fact, category, settings.deploymentName, texts?.get(fact.id) ?? null);
    outgoing.push({ position: fact.position, message });
  }
  return {
    to: page.position,
    oldestAtMs: page.facts[0]?.recordedAt ?? null,
    topics: [...byCategory].map(([category, outgoing]) => ({ topic: factsTopic(settings, category).name, outgoing })),
  };
}

/** The texts of each fact that has some, as far as their customers' keys are still there. */
async function textsOf(facts: readonly StoredFact[], keys: CustomerKeys): Promise<Map<string, Record<string, JsonValue>>> {
  const sealed = facts.filter((fact) => fact.sealed !== null && categoryOf(fact) !== null);
  const opened = await Promise.all(
    sealed.map(async (fact) => {
      const opener = await keys.openerFor(fact.tenant, customerOf(fact));
      return [fact.id, opener?.open(fact.sealed!) ?? {}] as const;
    }),
  );
  return new Map(opened);
}

/** Whose key sealed it: the account that the fact speaks of, else the one whose stream it is on; what is of no account stands under the tenant's own key. */
function customerOf(fact: StoredFact): string {
  const { accountId } = fact.data;
  if (typeof accountId === 'string') return accountId;
  const { category, id } = parseStream(fact.stream);
  return category === 'account' ? id : '';
}
