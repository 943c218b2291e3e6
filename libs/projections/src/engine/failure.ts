// 4 project · decides whether a failure is the fact's (it would fail again, so the read model stops) or the moment's (tried again).

/** A read model's fold threw on a fact: `cause` says why. */
export class FoldFailed extends Error {
  override readonly name = 'FoldFailed';
}

/** SQLSTATE classes that the same rows would meet again: bad data, broken constraints, statements that do not fit the tables. */
const CLASSES_OF_THE_FACT: ReadonlySet<string> = new Set(['21', '22', '23', '42']);

/** Raised by projection_expect: a row that the fact builds on is not there. */
const ROW_MISSING = 'RC003';

export function isOfTheFact(error: unknown): boolean {
  if (error instanceof FoldFailed) return true;
  const state = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  return typeof state === 'string' && state.length === 5 && (state === ROW_MISSING || CLASSES_OF_THE_FACT.has(state.slice(0, 2)));
}
