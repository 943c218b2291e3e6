// 1 → 2 · what an API key that is bound to accounts may touch of the studio: what is of its accounts, and nothing that is of none.
import { refuse, type Refusal } from '#libs/kernel';

/** `accounts`: those of the key; null means all of the tenant's. */
export function maySee(accounts: readonly string[] | null, accountId: string | null): boolean {
  return accounts === null || (accountId !== null && accounts.includes(accountId));
}

export function noSuchAccount(): Refusal<'not_found'> {
  return refuse('not_found', 'There is no such account.');
}

/** Prompts and benchmarks are of no account. */
export function ofTheTenant(): Refusal<'forbidden'> {
  return refuse('forbidden', 'It belongs to the tenant: an API key that is bound to accounts may not change it.');
}
