// 2 → 3 · the sessions of accounts: a decision that meets a plan which this process does not know of yet is made again once it does.
import type { InstantMs } from '#libs/kernel';
import { StreamSessions, type CommandMeta, type SessionDecision, type SessionOutcome, type StreamSessionsOptions } from '#libs/event-store';
import type { AccountFact } from './account.facts.js';
import type { AccountState } from './account.state.js';
import type { PlanSource } from './ledger-context.js';
import { UnknownPlanTerms } from './plan-terms.js';

export class AccountSessions extends StreamSessions<AccountState, AccountFact> {
  constructor(
    options: StreamSessionsOptions<AccountState, AccountFact>,
    private readonly plans: Pick<PlanSource, 'refresh'>,
  ) {
    super(options);
  }

  /** The account may have been put on a plan by another process that defined it a moment ago. */
  override async execute<Result>(
    stream: string,
    meta: CommandMeta,
    decide: (state: AccountState, at: InstantMs, revision: number) => SessionDecision<Result>,
  ): Promise<SessionOutcome<Result>> {
    try {
      return await super.execute(stream, meta, decide);
    } catch (error) {
      if (!(error instanceof UnknownPlanTerms)) throw error;
      await this.plans.refresh();
      return super.execute(stream, meta, decide);
    }
  }
}
