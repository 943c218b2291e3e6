// 2 decide · the account's rules on one page: what is due comes first, then the command; pure, called by sessions with cached state.
import { refuse, toIso, unreachable, UNCHANGED, type Decider, type Decision, type InstantMs } from '#libs/kernel';
import type { AccountCommand, AccountRefusalCode } from './account.commands.js';
import type { AccountFact } from './account.facts.js';
import type { AccountState, LedgerContext } from './account.state.js';
import { evolveAccount, initialAccount } from './account.evolve.js';
import { cloneAccount } from './account.snapshot.js';
import { decideAdjust, decideApproval, decideRejection } from './adjustment.decider.js';
import { decideEndDispute, decideOpenDispute } from './dispute.decider.js';
import { bookDue, isDue, resetOf } from './due.js';
import { decideConsume, decideLateResult, decideRefund } from './ending.decider.js';
import { decideGoodwill } from './goodwill.decider.js';
import { decideGrant, decideRevoke } from './grant.decider.js';
import { decideOpen, decidePlanChange } from './plan-change.decider.js';
import { noAccount } from './refusals.js';
import { decideReserve } from './reserve.decider.js';

export type AccountDecision = Decision<AccountFact, AccountRefusalCode>;

/** BookDue stops here and asks to be called again: a stop of centuries would not fit one append. */
const DUE_FACTS_MAX = 1000;

/**
 * The facts of a command, with those before them that time alone has made due; all in one append. A refusal, and a command that changes
 * nothing, write nothing: what is due then waits for the next. Never changes the state it is given.
 */
export function decideAccount(state: AccountState, command: AccountCommand, at: InstantMs, context: LedgerContext): AccountDecision {
  if (command.type === 'OpenAccount')
    return state.isOpen ? refuse('already_exists', 'There is an account with this id already.') : decideOpen(command, at, context);
  if (!state.isOpen) return noAccount();
  if (!isDue(state, at)) return answer(state, [], decideCurrent(state, command, at, context));
  const working = cloneAccount(state);
  if (command.type === 'BookDue') return bookDue(working, at, context, DUE_FACTS_MAX);
  const due = bookDue(working, at, context);
  return answer(state, due, decideCurrent(working, command, at, context));
}

type Outcome = AccountFact[] | AccountDecision | 'unchanged';

function answer(state: AccountState, due: AccountFact[], outcome: Outcome): AccountDecision {
  if (outcome === 'unchanged') return UNCHANGED;
  if (!Array.isArray(outcome)) return outcome;
  const facts = due.length === 0 ? outcome : [...due, ...outcome];
  return facts.some((fact) => wasMadeBefore(state, fact)) ? UNCHANGED : facts;
}

/**
 * Ids of grants follow from the command: one that stands there already says that this very command was carried out, by another process under
 * the same key. It changes nothing then, and the key leads to the first answer.
 */
function wasMadeBefore(state: AccountState, fact: AccountFact): boolean {
  switch (fact.type) {
    case 'CreditsGranted':
      return state.grants.has(fact.data.grantId);
    case 'CreditsAdjusted':
      return fact.data.granted !== null && state.grants.has(fact.data.granted.grantId);
    case 'AdjustmentRequested':
      return state.adjustments.has(fact.data.adjustmentId);
    case 'DisputeOpened':
      return state.disputes.has(fact.data.disputeId);
    case 'DebtRecorded':
      return state.debts.has(fact.data.debtId);
    case 'CycleReset':
      return fact.data.granted !== null && state.grants.has(fact.data.granted.grantId);
    case 'CreditsConsumed':
    case 'CreditsRefunded':
      return fact.data.reissued.some((reissue) => state.grants.has(reissue.grant.grantId));
    default:
      return false;
  }
}

/** On a state that nothing is due on. */
function decideCurrent(
  state: AccountState,
  command: Exclude<AccountCommand, { type: 'OpenAccount' }>,
  at: InstantMs,
  context: LedgerContext,
): Outcome {
  switch (command.type) {
    case 'GrantCredits':
      return decideGrant(state, command, at, context);
    case 'ChangePlan':
      return decidePlanChange(state, command, at, context);
    case 'ResetCycle':
      return [resetOf(state, { cause: 'operator', reason: command.reason, effectiveAt: at }, at, context)];
    case 'Reserve':
      return decideReserve(state, command, at, context);
    case 'Consume':
      return decideConsume(state, command, at, context);
    case 'Refund':
      return decideRefund(state, command, at, context);
    case 'RefundGoodwill':
      return decideGoodwill(state, command, at, context);
    case 'TakeLateResult':
      return decideLateResult(state, command, at, context);
    case 'RevokeGrant':
      return decideRevoke(state, command, at, context);
    case 'OpenDispute':
      return decideOpenDispute(state, command, at);
    case 'EndDispute':
      return decideEndDispute(state, command, at, context);
    case 'Adjust':
      return decideAdjust(state, command, at, context);
    case 'ApproveAdjustment':
      return decideApproval(state, command, at, context);
    case 'RejectAdjustment':
      return decideRejection(state, command, at);
    case 'BookProviderCost':
      return [
        {
          type: 'ProviderCostBooked',
          data: { decidedAt: toIso(at), taskId: command.taskId, providerCost: { ...command.providerCost, absorbed: true } },
        },
      ];
    case 'Suspend':
      return state.status === 'suspended'
        ? 'unchanged'
        : [{ type: 'AccountSuspended', data: { decidedAt: toIso(at), reason: command.reason } }];
    case 'Resume':
      return state.status === 'active' ? 'unchanged' : [{ type: 'AccountResumed', data: { decidedAt: toIso(at), reason: command.reason } }];
    case 'BookDue':
      return 'unchanged';
    default:
      return unreachable(command, 'account command');
  }
}

export const accountDecider: Decider<AccountState, AccountFact> = { category: 'account', initial: initialAccount, evolve: evolveAccount };
