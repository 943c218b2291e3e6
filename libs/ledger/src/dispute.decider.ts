// 2 decide · the life of a dispute: opened and frozen, won and thawed, lost and revoked; called by the account's decider.
import { refuse, toIso, type InstantMs, type Refusal } from '#libs/kernel';
import type { AccountCommand, AccountRefusalCode } from './account.commands.js';
import type { AccountFact, DisputeCredits } from './account.facts.js';
import type { AccountState, DisputeState, GrantState, LedgerContext } from './account.state.js';
import { grantOf } from './grant-movement.js';
import { isFrozen } from './grant-part.js';
import { invalid } from './refusals.js';
import { revocationOf, withReissues } from './revocation.js';

type OpenDispute = Extract<AccountCommand, { type: 'OpenDispute' }>;
type EndDispute = Extract<AccountCommand, { type: 'EndDispute' }>;
type Decided = AccountFact[] | Refusal<AccountRefusalCode> | 'unchanged';

/** Moves nothing: what is available of its grants can no longer be spent, and still lapses. */
export function decideOpenDispute(state: AccountState, command: OpenDispute, at: InstantMs): Decided {
  const { disputeId, reference, reason } = command;
  if ((reference === null) === (command.grantId === null)) return invalid('', 'Name either `reference` or `grantId`.');
  if (reason.trim() === '') return invalid('/reason', 'Must say why.');
  if (state.disputes.has(disputeId)) return 'unchanged';
  const named = [...state.grants.values()].filter((grant) =>
    reference === null ? grant.id === command.grantId : grant.reference === reference,
  );
  if (named.length === 0) {
    return refuse('not_found', reference === null ? 'The account has no such grant.' : 'The account has no grant with this reference.');
  }
  const family = withReissues(state, named);
  const contested = openDisputeOn(family);
  if (contested !== null) return contested;
  const ids = new Set(family.map((grant) => grant.id));
  const revoked = named.find((grant) => grant.isRevoked && !(grant.reissuedFrom !== null && ids.has(grant.reissuedFrom)));
  if (revoked !== undefined) return refuse('already_settled', `${revoked.id} was revoked before.`, { grantId: revoked.id });
  // What was reissued and revoked on its own is settled, whatever becomes of the rest.
  const grants = family.filter((grant) => !grant.isRevoked);
  return [
    {
      type: 'DisputeOpened',
      data: {
        decidedAt: toIso(at),
        disputeId,
        reference: reference ?? named[0]?.reference ?? null,
        reason,
        grants: grants.map(frozenOf),
        credits: disputeCredits(grants, 0),
      },
    },
  ];
}

/** 409 with the dispute, where one of the grants is under an open one. */
export function openDisputeOn(grants: readonly GrantState[]): Refusal<AccountRefusalCode> | null {
  const contested = grants.find(isFrozen);
  if (contested === undefined || contested.disputeId === null) return null;
  const { id, disputeId } = contested;
  return refuse('conflict', `${id} is under the open dispute ${disputeId}.`, { disputeId });
}

/** An ending stands: the same again changes nothing, the other one is refused. */
export function decideEndDispute(state: AccountState, command: EndDispute, at: InstantMs, context: LedgerContext): Decided {
  const dispute = state.disputes.get(command.disputeId);
  if (dispute === undefined) return refuse('not_found', 'The account has no such dispute.');
  if (dispute.status === command.outcome) return 'unchanged';
  if (dispute.status !== 'open') return refuse('already_settled', `The dispute was ${dispute.status}.`, { outcome: dispute.status });
  return command.outcome === 'won' ? [won(state, dispute, at)] : lost(state, dispute, at, context);
}

function won(state: AccountState, dispute: DisputeState, at: InstantMs): AccountFact {
  const grants = dispute.grantIds.map((id) => grantOf(state, id));
  const { disputeId, debt } = dispute;
  return {
    type: 'DisputeWon',
    data: { decidedAt: toIso(at), disputeId, grants: grants.map(frozenOf), credits: disputeCredits(grants, debt) },
  };
}

/** Money rule 12, in one append: what is available is revoked, what was spent becomes debt, and the loss itself comes last. */
function lost(state: AccountState, dispute: DisputeState, at: InstantMs, context: LedgerContext): AccountFact[] {
  const { disputeId, reason, grantIds } = dispute;
  const grants = grantIds.map((id) => grantOf(state, id));
  const facts = grants.flatMap((grant) => revocationOf(grant, { cause: 'dispute_lost', reason, disputeId, spent: 'debt' }, at, context));
  let debt = dispute.debt;
  for (const fact of facts) if (fact.type === 'DebtRecorded') debt += fact.data.credits;
  const { available, held, consumed, revoked } = disputeCredits(grants, 0);
  const credits = { available: 0, held, consumed, revoked: revoked + available, debt };
  return [...facts, { type: 'DisputeLost', data: { decidedAt: toIso(at), disputeId, grantIds: [...grantIds], credits } }];
}

function frozenOf(grant: GrantState): { grantId: string; bucket: GrantState['bucket']; frozen: number } {
  return { grantId: grant.id, bucket: grant.bucket, frozen: grant.available };
}

export function disputeCredits(grants: readonly GrantState[], debt: number): DisputeCredits {
  const credits: DisputeCredits = { available: 0, held: 0, consumed: 0, revoked: 0, debt };
  for (const { available, held, consumed, revoked } of grants) {
    credits.available += available;
    credits.held += held;
    credits.consumed += consumed;
    credits.revoked += revoked;
  }
  return credits;
}
