// 3 append · the facts of the studio as the store takes them.
import type { Fact, JsonObject } from '#libs/kernel';
import type { NewFact } from '#libs/event-store';

/** `sealed` travels with every fact that refers to a text of it. */
export function studioNewFacts(
  facts: ReadonlyArray<Fact<string, object>>,
  versions: Readonly<Record<string, number>>,
  sealed?: string,
): NewFact[] {
  return facts.map(({ type, data }) => {
    const fact: NewFact = { type, schemaVersion: versions[type] as number, data: data as JsonObject };
    return sealed !== undefined && hasText(data) ? { ...fact, sealed } : fact;
  });
}

function hasText(data: object): boolean {
  return Object.values(data).some((value) => typeof value === 'object' && value !== null && '$erasable' in value);
}
