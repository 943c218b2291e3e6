// 1 → 3 · runs one account command of a request: visible, keyed, decided in the account's session, answered from the state after its facts.
import { invariant, isRefusal, refuse, type Credits, type ErasableRef, type InstantMs, type JsonValue } from '#libs/kernel';
import {
  deploymentStream,
  KEY_CONFLICT,
  tenantStream,
  type CommandMeta,
  type CustomerKeys,
  type EventStore,
  type Executed,
  type KeyedCommands,
  type NewFact,
  type PreparedCommand,
  type RequestContext,
  type Sessions,
  type WriteResult,
} from '#libs/event-store';
import type { AccountCommand } from './account.commands.js';
import { decideAccount } from './account.decider.js';
import { ACCOUNT_FACT_VERSIONS, type AccountFact } from './account.facts.js';
import { accountName, type AccountName } from './account-name.js';
import { cloneAccount } from './account.snapshot.js';
import type { AccountState } from './account.state.js';
import type { LedgerContextOf, PlanSource } from './ledger-context.js';
import { ACCOUNT_ID_PATTERN } from './plan-change.decider.js';
import { noAccount } from './refusals.js';

/** What an answer is made of: the account after the command's facts, where and when they stand, and the facts themselves. */
export interface Answerable {
  state: AccountState;
  revision: number;
  position: string;
  recordedAt: InstantMs;
  /** Empty when the command changed nothing. */
  facts: readonly AccountFact[];
  /** A plan's monthly allowance as it was defined when the command was first answered; 0 for an unknown plan. */
  allowanceOf: (plan: string) => Credits;
}

export interface AccountWrite<View> {
  accountId: string;
  /** Texts of the body that can be erased; their refs are handed to `command`. */
  erasable?: Readonly<Record<string, JsonValue | undefined>>;
  command: (refs: Readonly<Record<string, ErasableRef>>) => AccountCommand;
  render: (answerable: Answerable) => View | Promise<View>;
}

export class AccountWrites {
  constructor(
    private readonly sessions: Sessions<AccountState>,
    private readonly keyed: KeyedCommands,
    private readonly store: EventStore,
    private readonly keys: CustomerKeys,
    private readonly contextOf: LedgerContextOf,
    private readonly plans: PlanSource,
  ) {}

  async run<View>(context: RequestContext, write: AccountWrite<View>): Promise<WriteResult<View>> {
    const { accountId, erasable } = write;
    if (!isVisible(context, accountId)) return { ok: false, ...noAccount() };
    const stream = tenantStream('account', context.tenant, accountId);
    return this.keyed.run<View>(context, {
      erasable: erasable === undefined ? null : { accountId, values: erasable },
      execute: (prepared) => this.execute(stream, prepared, write),
      replay: async (recorded) => {
        const revision = recorded.revisionOn(stream);
        if (revision === null) return { ok: false, ...refuse('idempotency_key_reused', 'The key was used for another account.') };
        const { state, position, recordedAt } = await this.sessions.stateAt(stream, { revision });
        invariant(position !== null && recordedAt !== null, () => `${stream} ends before revision ${revision}`);
        const facts = recorded.facts.filter((fact) => fact.stream === stream) as unknown as AccountFact[];
        const allowance = await this.allowanceAt(state.pendingPlan ?? state.plan, position);
        const answerable = { state, revision, position, recordedAt, facts, allowanceOf: () => allowance };
        return { ok: true, view: await write.render(answerable), position, replayed: true };
      },
    });
  }

  /** Where a revision of the account stands; the answer's own last one is known without asking. */
  async positionOf(context: RequestContext, accountId: string, revision: number, answer: Answerable): Promise<string> {
    if (revision === answer.revision) return answer.position;
    const [fact] = await this.store.readStream(tenantStream('account', context.tenant, accountId), { fromRevision: revision, limit: 1 });
    invariant(fact !== undefined, () => `account ${accountId} has no revision ${revision}`);
    return fact.position;
  }

  nameOf(tenant: string, accountId: string): Promise<AccountName> {
    return accountName(this.store, this.keys, tenant, accountId);
  }

  private readonly allowanceOf = (plan: string): Credits => this.plans.plan(plan)?.monthlyAllowance ?? 0;

  /** A plan may have been defined anew since: a replay shows what the first answer did. */
  private async allowanceAt(plan: string, position: string): Promise<Credits> {
    const definitions = await this.store.readStream(deploymentStream('plan', plan));
    const standing = definitions.findLast((fact) => fact.type === 'PlanDefined' && fact.position <= position);
    return standing === undefined ? this.allowanceOf(plan) : (standing.data['monthlyAllowance'] as Credits);
  }

  private async stands({ keyDigest }: CommandMeta): Promise<boolean> {
    return keyDigest !== undefined && (await this.store.findByKeyDigests([keyDigest])).size > 0;
  }

  private async execute<View>(stream: string, prepared: PreparedCommand, write: AccountWrite<View>): Promise<Executed<View>> {
    const { meta, refs, sealed } = prepared;
    const command = write.command(refs);
    // Another process may have defined it a moment ago.
    if ('plan' in command && this.plans.plan(command.plan) === null) await this.plans.refresh();
    const outcome = await this.sessions.execute(stream, meta, (state, at) => {
      const decision = decideAccount(state, command, at, this.contextOf(meta.commandId));
      if (isRefusal(decision)) return decision;
      if (!Array.isArray(decision)) return { unchanged: true, result: { state: cloneAccount(state), facts: [] } };
      return { facts: accountNewFacts(decision, sealed), result: () => ({ state: cloneAccount(state), facts: decision }) };
    });
    // The very command may have been carried out by another process since the key was looked for: then that is the answer.
    if ((outcome.kind === 'unchanged' || outcome.kind === 'refused') && (await this.stands(meta))) return KEY_CONFLICT;
    switch (outcome.kind) {
      case 'appended': {
        const { revision, position, recordedAt } = outcome;
        return {
          ok: true,
          view: await write.render({ ...outcome.result, revision, position, recordedAt, allowanceOf: this.allowanceOf }),
          position,
          replayed: false,
        };
      }
      case 'unchanged': {
        const { revision } = outcome;
        const [last] = await this.store.readStream(stream, { fromRevision: revision, limit: 1 });
        invariant(last !== undefined, () => `${stream} has no revision ${revision}`);
        const { position, recordedAt } = last;
        const view = await write.render({ ...outcome.result, revision, position, recordedAt, allowanceOf: this.allowanceOf });
        return { unchanged: { stream, revision }, result: { ok: true, view, position, replayed: false } };
      }
      case 'refused':
        return { ok: false, ...outcome.refusal };
      case 'key_conflict':
        return KEY_CONFLICT;
      case 'companion_conflict':
        return invariant(false, 'an account command has no companions') as never;
    }
  }
}

/** Accounts outside a key's list are not there for it; nor is what can be no account. */
export function isVisible(context: Pick<RequestContext, 'accounts'>, accountId: string): boolean {
  return ACCOUNT_ID_PATTERN.test(accountId) && (context.accounts === null || context.accounts.includes(accountId));
}

/** As the store takes them; `sealed` travels with the fact that carries the refs, which is the one that opens the account. */
export function accountNewFacts(facts: readonly AccountFact[], sealed?: string): NewFact[] {
  return facts.map(({ type, data }) => {
    const fact = { type, schemaVersion: ACCOUNT_FACT_VERSIONS[type], data } as unknown as NewFact;
    return type === 'AccountOpened' && sealed !== undefined ? { ...fact, sealed } : fact;
  });
}
