// 3 → 2 · the facts of one command where they stand side by side in the log; for adapters that write all its streams as one.
import type { CommandFacts, EventStore, StoredFact } from './event-store.port.js';

const FACTS_PAGE = 100;

export async function factsSideBySide(store: Pick<EventStore, 'readAll'>, first: StoredFact): Promise<CommandFacts> {
  const command = commandPart(first.id);
  const facts = [first];
  let after = first.position;
  for (;;) {
    const page = await store.readAll({ after, limit: FACTS_PAGE });
    for (const fact of page.facts) {
      if (commandPart(fact.id) !== command) return { facts, isWhole: true };
      facts.push(fact);
    }
    if (page.atEnd) return { facts, isWhole: true };
    after = page.position;
  }
}

/** Everything of an event id but the index within its command. */
function commandPart(id: string): string {
  return id.slice(0, -4);
}
