// 5 react · decides from one fact of an account by when the account is due at the latest; called for facts read from the log and for our own.
import { fromIso, type InstantMs, type Iso } from '#libs/kernel';
import type { AccountFact, Release } from '#libs/ledger';

/** Facts after which an account may be due earlier than was known. All others leave that as it is, or make it later. */
export const DUE_FACT_TYPES = ['AccountOpened', 'CreditsGranted', 'CycleReset', 'CreditsRefunded'] as const;

/** Null where the fact says nothing of it. Too early does no harm: the account itself is asked before anything is booked. */
export function dueOf(fact: AccountFact): InstantMs | null {
  switch (fact.type) {
    case 'AccountOpened':
      return fromIso(fact.data.nextResetAt);
    case 'CreditsGranted':
      return earliest([fact.data.expiresAt]);
    case 'CycleReset':
      return earliest([fact.data.nextResetAt, fact.data.granted?.expiresAt ?? null]);
    case 'CreditsConsumed':
    case 'CreditsRefunded':
      return earliest(expiriesOf(fact.data));
    default:
      return null;
  }
}

/** Credits that came back can lapse again, on the grant they came from or on the one that took its place. */
function expiriesOf({ returned, reissued }: Release): Array<Iso | null> {
  return [...returned.map((part) => part.expiresAt), ...reissued.map(({ grant }) => grant.expiresAt)];
}

function earliest(instants: ReadonlyArray<Iso | null>): InstantMs | null {
  let first: InstantMs | null = null;
  for (const instant of instants) {
    if (instant === null) continue;
    const at = fromIso(instant);
    if (first === null || at < first) first = at;
  }
  return first;
}
