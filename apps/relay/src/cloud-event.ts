// 6 publish · a fact as a CloudEvent 1.0 on Kafka, in binary mode: the headers say what it is, the value is its public data; called by the batches.
import { toIso, type JsonValue } from '#libs/kernel';
import { parseStream, type StoredFact } from '#libs/event-store';
import { PUBLISHED_CATEGORIES, type OutgoingMessage, type PublishedCategory } from '#libs/messaging';

const PUBLISHED: ReadonlySet<string> = new Set(PUBLISHED_CATEGORIES);

/** Null for a fact that is nobody else's business. */
export function categoryOf(fact: StoredFact): PublishedCategory | null {
  const { category } = parseStream(fact.stream);
  return PUBLISHED.has(category) ? (category as PublishedCategory) : null;
}

/** What the schemas in docs/events name themselves. */
export function schemaUri(category: string, type: string, version: number): string {
  return `urn:rollcredits:event:${category}:${type}:v${version}`;
}

/**
 * `texts` are the fact's erasable texts by field, where they are to be published: each then stands beside its digest. A text that was
 * erased is simply absent.
 */
export function toCloudEvent(
  fact: StoredFact,
  category: PublishedCategory,
  deployment: string,
  texts: Readonly<Record<string, JsonValue>> | null = null,
): OutgoingMessage {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: fact.id,
    ce_source: `/rollcredits/${deployment}`,
    ce_type: `rollcredits.${category}.${fact.type}.v${fact.schemaVersion}`,
    ce_subject: fact.stream,
    ce_time: toIso(fact.recordedAt),
    ce_dataschema: schemaUri(category, fact.type, fact.schemaVersion),
    ce_sequence: String(fact.revision),
    ce_position: fact.position,
    ce_correlationid: fact.correlationId,
    ce_tenant: fact.tenant,
    'content-type': 'application/json',
  };
  // An attribute without a value is left out: CloudEvents knows no empty ones.
  if (fact.causationId !== null) headers['ce_causationid'] = fact.causationId;
  return { key: fact.stream, value: JSON.stringify(texts === null ? fact.data : withTexts(fact, texts)), headers };
}

function withTexts(fact: StoredFact, texts: Readonly<Record<string, JsonValue>>): object {
  const data: Record<string, unknown> = { ...fact.data };
  for (const [field, text] of Object.entries(texts)) {
    const ref = data[field];
    if (typeof ref === 'object' && ref !== null && '$erasable' in ref) data[field] = { ...ref, $text: text };
  }
  return data;
}
