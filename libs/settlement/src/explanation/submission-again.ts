// 2 decide · a submission decided again: the wish as its fact has it, on the account, catalogue and policies of then. Pure.
import { fromIso, type InstantMs } from '#libs/kernel';
import { QUOTE_LIFE_MS } from '#libs/catalogue';
import { ledgerContexts, type AccountFact, type AccountState, type LedgerPolicies } from '#libs/ledger';
import type { SubmissionData } from '#libs/tasks';
import { decideSubmissions, type QuoteTerms, type RejectedFact, type SubmittedFact, type Wish } from '../submission.decider.js';
import type { CatalogueThen } from './catalogue-then.js';
import { compareFacts, type Compared, type Stated } from './difference.js';
import { policiesThen } from './ledger-again.js';

export interface RecordedSubmission {
  commandId: string;
  /** Of the account, written with the tasks; none for a refusal. */
  accountFacts: readonly AccountFact[];
  /** All tasks that the command opened, in order; or the one refusal. */
  tasks: ReadonlyArray<SubmittedFact | RejectedFact>;
  /** Those that are still kept, by id. */
  quotes: ReadonlyMap<string, QuoteTerms>;
}

export function submitAgain(
  recorded: RecordedSubmission,
  state: AccountState,
  catalogue: CatalogueThen,
  policies: LedgerPolicies,
): Compared {
  const first = recorded.tasks[0] as SubmittedFact | RejectedFact;
  const { accountRevision, decidedAt } = first.data;
  const at = fromIso(decidedAt);
  const wishes = recorded.tasks.map((task) => wishOf(task.data, recorded, state, at));
  const then = first.type === 'TaskRejected' ? { ...policies, burnOrder: first.data.burnOrder as LedgerPolicies['burnOrder'] } : policies;
  const terms = {
    catalogue,
    ledger: ledgerContexts(policiesThen(recorded.accountFacts, then), catalogue)(recorded.commandId),
    policies: settlementPoliciesThen(first),
  };
  const expected: Stated[] = [...recorded.accountFacts, ...recorded.tasks];
  const decision = decideSubmissions(state, accountRevision, at, wishes, terms);
  if (decision === null) return compareFacts(expected, []);
  if (!('refusal' in decision)) return compareFacts(expected, [...decision.facts, ...decision.tasks]);
  const { refusal, rejections } = decision;
  if (rejections.length > 0) return compareFacts(expected, rejections);
  return compareFacts(expected, [{ type: 'Refused', data: { code: refusal.code, detail: refusal.detail } }]);
}

/** How many tasks may be open is not recorded, and let this one pass; the deadline's policy is. */
function settlementPoliciesThen(first: SubmittedFact | RejectedFact) {
  if (first.type === 'TaskRejected') return { deadlinePolicy: 'release_now', holdCapMs: 0, openTasksPerAccountMax: Infinity } as const;
  const { deadlinePolicy, deadlineAt, holdUntil } = first.data;
  return { deadlinePolicy, holdCapMs: fromIso(holdUntil) - fromIso(deadlineAt), openTasksPerAccountMax: Infinity };
}

function wishOf(data: SubmissionData, recorded: RecordedSubmission, state: AccountState, at: InstantMs): Wish {
  const { taskId, accountId, model, userId, prompt, metadata, brief, variables, parameters, quoteId } = data;
  const input = { accountId, model, parameters, ...(userId !== null && { userId }), ...(quoteId !== null && { quoteId }) };
  const quote = quoteId === null ? null : (recorded.quotes.get(quoteId) ?? quoteFrom(data, quoteId, recorded, state, at));
  return { taskId, input, quote, prompt, metadata, ...(brief && { brief }), ...(variables && { variables }) };
}

/** A quote is kept for a day: after that its terms are read from what it became. */
function quoteFrom(data: SubmissionData, id: string, recorded: RecordedSubmission, state: AccountState, at: InstantMs): QuoteTerms {
  const uses = recorded.tasks.filter((task) => task.data.quoteId === id).length;
  let expiresAt = at + QUOTE_LIFE_MS;
  for (const fact of recorded.accountFacts) {
    if (fact.type !== 'CreditsReserved') continue;
    for (const { quoteId, quoteExpiresAt } of fact.data.reservations) {
      if (quoteId === id && quoteExpiresAt !== null) expiresAt = fromIso(quoteExpiresAt);
    }
  }
  const { accountId, model, credits: unitCredits, priceVersion, parameters } = data;
  const quantity = (state.quoteUses.get(id)?.uses ?? 0) + uses;
  return { id, accountId, model, quantity, unitCredits, priceVersion, parameters, expiresAt };
}
