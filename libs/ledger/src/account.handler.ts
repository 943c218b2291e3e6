// 1 → 2 · answers the account commands of the edge and the orchestrator; what they decide is the decider's.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { commandIdOf, keyDigest, newCommandId, type InstantMs } from '#libs/kernel';
import type { RequestContext, WriteResult } from '#libs/event-store';
import { CONFIG, type Config } from '#libs/platform';
import { GrantCredits, ChangePlan, OpenAccount, ResetCycle, ResumeAccount, RevokeGrant, SuspendAccount } from './account.messages.js';
import { accountView, balanceView, grantView } from './account.render.js';
import type { AccountCommand } from './account.commands.js';
import type { AccountView, BalanceView, GrantView } from './account.view.js';
import { AccountWrites, type Answerable } from './account.writes.js';
import { isTimezone } from './cycle.js';
import { parseInstant } from './instants.js';
import { requestedGrantId } from './ledger-context.js';
import { ACCOUNT_ID_PATTERN } from './plan-change.decider.js';
import { invalid } from './refusals.js';

const NAME_CHARACTERS_MAX = 500;
const REASON_CHARACTERS_MAX = 2_000;

abstract class AccountHandler {
  constructor(@Inject(AccountWrites) protected readonly writes: AccountWrites) {}

  /** A command that answers with the account. */
  protected account(context: RequestContext, accountId: string, command: AccountCommand): Promise<WriteResult<AccountView>> {
    return this.writes.run<AccountView>(context, {
      accountId,
      command: () => command,
      render: async (answer) => accountView(answer.state, await this.writes.nameOf(context.tenant, accountId), answer, answer),
    });
  }

  /** A command that answers with one grant, which the answer's account has. */
  protected async grant(context: RequestContext, answer: Answerable, grantId: string | null): Promise<GrantView> {
    const { accountId, grants } = answer.state;
    const grant = grantId === null ? undefined : grants.get(grantId);
    if (grant === undefined) throw new Error(`the answer names grant ${String(grantId)}, which the account does not have`);
    const position = await this.writes.positionOf(context, accountId, grant.revision, answer);
    return grantView(accountId, grant, answer.recordedAt, position);
  }
}

@CommandHandler(OpenAccount)
export class OpenAccountHandler extends AccountHandler implements ICommandHandler<OpenAccount> {
  async execute({ context, input }: OpenAccount): Promise<WriteResult<AccountView>> {
    const { name, plan, timezone = 'UTC' } = input;
    const accountId = input.id ?? `acc_${commandIdFor(context)}`;
    if (!ACCOUNT_ID_PATTERN.test(accountId))
      return refused(invalid('/id', 'Must be 1 to 100 letters, digits, dots, dashes and underscores, and begin with a letter or digit.'));
    if (name.trim() === '' || name.length > NAME_CHARACTERS_MAX)
      return refused(invalid('/name', `Must have 1 to ${NAME_CHARACTERS_MAX} characters.`));
    if (!isTimezone(timezone)) return refused(invalid('/timezone', `"${timezone}" is no time zone of the IANA database.`));
    const billingAnchor = input.billingAnchor === undefined ? null : parseInstant(input.billingAnchor);
    if (input.billingAnchor !== undefined && billingAnchor === null)
      return refused(invalid('/billingAnchor', 'Must be an RFC 3339 instant.'));
    return this.writes.run<AccountView>(context, {
      accountId,
      erasable: { name },
      command: (refs) => ({ type: 'OpenAccount', accountId, name: refs['name'] as { $erasable: string }, plan, timezone, billingAnchor }),
      render: async (answer) => accountView(answer.state, await this.writes.nameOf(context.tenant, accountId), answer, answer),
    });
  }
}

@CommandHandler(GrantCredits)
export class GrantCreditsHandler extends AccountHandler implements ICommandHandler<GrantCredits> {
  async execute({ context, accountId, input }: GrantCredits): Promise<WriteResult<GrantView>> {
    const { bucket, credits, reference = null, costBasis = null } = input;
    let expiresAt: InstantMs | null = null;
    if (typeof input.expiresAt === 'string') {
      expiresAt = parseInstant(input.expiresAt);
      if (expiresAt === null) return refused(invalid('/expiresAt', 'Must be an RFC 3339 instant.'));
    }
    return this.writes.run<GrantView>(context, {
      accountId,
      command: () => ({ type: 'GrantCredits', bucket, credits, expiresAt, reference, costBasis }),
      render: (answer) => this.grant(context, answer, requestedGrantId(answer.facts)),
    });
  }
}

@CommandHandler(RevokeGrant)
export class RevokeGrantHandler extends AccountHandler implements ICommandHandler<RevokeGrant> {
  async execute({ context, accountId, grantId, input }: RevokeGrant): Promise<WriteResult<GrantView>> {
    const reason = reasonOf(input);
    if (reason === null) return refused(NO_REASON);
    const { spent } = input;
    return this.writes.run<GrantView>(context, {
      accountId,
      command: () => ({ type: 'RevokeGrant', grantId, reason, spent }),
      render: (answer) => this.grant(context, answer, grantId),
    });
  }
}

@CommandHandler(ChangePlan)
export class ChangePlanHandler extends AccountHandler implements ICommandHandler<ChangePlan> {
  async execute({ context, accountId, input }: ChangePlan): Promise<WriteResult<AccountView>> {
    return this.account(context, accountId, { type: 'ChangePlan', plan: input.plan });
  }
}

@CommandHandler(ResetCycle)
export class ResetCycleHandler implements ICommandHandler<ResetCycle> {
  constructor(
    @Inject(AccountWrites) private readonly writes: AccountWrites,
    @Inject(CONFIG) private readonly config: Pick<Config, 'burnOrder'>,
  ) {}

  async execute({ context, accountId, input }: ResetCycle): Promise<WriteResult<BalanceView>> {
    const reason = reasonOf(input);
    if (reason === null) return refused(NO_REASON);
    return this.writes.run<BalanceView>(context, {
      accountId,
      command: () => ({ type: 'ResetCycle', reason }),
      render: (answer) =>
        balanceView(answer.state, answer.recordedAt, answer, { burnOrder: this.config.burnOrder, allowanceOf: answer.allowanceOf }),
    });
  }
}

@CommandHandler(SuspendAccount)
export class SuspendAccountHandler extends AccountHandler implements ICommandHandler<SuspendAccount> {
  async execute({ context, accountId, input }: SuspendAccount): Promise<WriteResult<AccountView>> {
    const reason = reasonOf(input);
    return reason === null ? refused(NO_REASON) : this.account(context, accountId, { type: 'Suspend', reason });
  }
}

@CommandHandler(ResumeAccount)
export class ResumeAccountHandler extends AccountHandler implements ICommandHandler<ResumeAccount> {
  async execute({ context, accountId, input }: ResumeAccount): Promise<WriteResult<AccountView>> {
    const reason = reasonOf(input);
    return reason === null ? refused(NO_REASON) : this.account(context, accountId, { type: 'Resume', reason });
  }
}

/** What is made without an id of its own is named after its command, so that a retry under the same key names the same. */
export function commandIdFor(context: RequestContext): string {
  return context.idempotencyKey === null ? newCommandId() : commandIdOf(keyDigest(context.tenant, context.idempotencyKey));
}

const NO_REASON = invalid('/reason', `Must have 1 to ${REASON_CHARACTERS_MAX} characters.`);

function reasonOf(input: { reason: string }): string | null {
  return input.reason.trim() === '' || input.reason.length > REASON_CHARACTERS_MAX ? null : input.reason;
}

function refused<View>(refusal: ReturnType<typeof invalid>): WriteResult<View> {
  return { ok: false, ...refusal };
}
