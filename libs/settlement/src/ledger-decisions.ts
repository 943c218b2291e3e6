// 2 → 3 · carries a ledger decision to an account's session; called by everything here that moves credits.
import { isRefusal, type InstantMs } from '#libs/kernel';
import type { CommandMeta, NewFact, SessionDecision, StreamAppend } from '#libs/event-store';
import {
  accountNewFacts,
  decideAccount,
  type AccountCommand,
  type AccountFact,
  type AccountState,
  type LedgerContextOf,
} from '#libs/ledger';
import { TASK_FACT_VERSIONS, type TaskFact } from '#libs/tasks';

/** What a session command of this lib comes to: the account's facts, and with them the numbers that the answer needs. */
export type LedgerDecision = SessionDecision<readonly AccountFact[]>;

/** Decides one ledger command for {@link Sessions.execute}; its result is the facts, none where nothing changed. */
export function ledgerDecision(
  command: AccountCommand,
  contextOf: LedgerContextOf,
  meta: CommandMeta,
  companions?: StreamAppend[],
): (state: AccountState, at: InstantMs) => LedgerDecision {
  return (state, at) => {
    const decision = decideAccount(state, command, at, contextOf(meta.commandId));
    if (isRefusal(decision)) return decision;
    if (!Array.isArray(decision)) return { unchanged: true, result: [] };
    return { facts: accountNewFacts(decision), companions, result: () => decision };
  };
}

export function taskNewFacts(facts: readonly TaskFact[]): NewFact[] {
  return facts.map(({ type, data }) => ({ type, schemaVersion: TASK_FACT_VERSIONS[type], data }) as unknown as NewFact);
}
