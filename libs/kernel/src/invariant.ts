// Decides when the process must stop believing its own state; called wherever a broken rule would otherwise spread.

/** A rule of `docs/domain` that must hold was found broken. Never caused by a client's input. */
export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
}

/** Throws {@link InvariantBroken} unless the condition holds. The message is built only on failure. */
export function invariant(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantBroken(typeof message === 'string' ? message : message());
}

/** Makes a switch exhaustive: a case that was forgotten is a compile error, and a throw if it happens at run time. */
export function unreachable(value: never, what: string): never {
  throw new InvariantBroken(`unexpected ${what}: ${JSON.stringify(value)}`);
}
