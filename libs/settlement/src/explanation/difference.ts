// 2 decide · whether what the log has and what the code decides of it today are the same; pure, called for every explained decision.
import { jcs, type JsonValue } from '#libs/kernel';

/** A fact, or a refusal, as it is compared. */
export interface Stated {
  type: string;
  data: object;
}

export interface Compared {
  reproduced: boolean;
  /** Only what differs: the facts of either side that the other has not. */
  difference: null | { expected: JsonValue; actual: JsonValue };
}

/** The log's facts against today's, in order. A decision that changes nothing today has no facts. */
export function compareFacts(expected: readonly Stated[], actual: readonly Stated[]): Compared {
  const recorded = expected.map(plain);
  const decided = actual.map(plain);
  if (jcs(recorded) === jcs(decided)) return { reproduced: true, difference: null };
  const known = new Set(recorded.map(jcs));
  const found = new Set(decided.map(jcs));
  const missing = recorded.filter((fact) => !found.has(jcs(fact)));
  const extra = decided.filter((fact) => !known.has(jcs(fact)));
  // The same facts in another order differ in their order alone.
  const isOrder = missing.length === 0 && extra.length === 0;
  return {
    reproduced: false,
    difference: isOrder ? { expected: typesOf(recorded), actual: typesOf(decided) } : { expected: missing, actual: extra },
  };
}

/** As it would be stored: no members that are undefined. */
function plain({ type, data }: Stated): JsonValue {
  return JSON.parse(JSON.stringify({ type, data })) as JsonValue;
}

function typesOf(facts: readonly JsonValue[]): JsonValue[] {
  return facts.map((fact) => (fact as { type: string }).type);
}
