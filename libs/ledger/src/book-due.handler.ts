// 5 → 2 · books what time alone has made due on one account; called by the orchestrator's timers, once per account and instant.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { isRefusal } from '#libs/kernel';
import { processMeta, tenantStream, type Sessions } from '#libs/event-store';
import { ACCOUNT_SESSIONS } from '#libs/platform';
import { decideAccount } from './account.decider.js';
import { BookDue } from './account.messages.js';
import type { AccountState } from './account.state.js';
import { accountNewFacts } from './account.writes.js';
import { nextDueAt } from './due.js';
import type { LedgerContextOf } from './ledger-context.js';
import { LEDGER_CONTEXTS } from './ledger.tokens.js';

/** Stands as the actor of what time brings about: no key asked for it. */
export const BOOK_DUE_ACTOR = 'ledger';

@CommandHandler(BookDue)
export class BookDueHandler implements ICommandHandler<BookDue> {
  constructor(
    @Inject(ACCOUNT_SESSIONS) private readonly sessions: Sessions<AccountState>,
    @Inject(LEDGER_CONTEXTS) private readonly contextOf: LedgerContextOf,
  ) {}

  async execute({ tenant, accountId }: BookDue): Promise<{ nextDueAt: number | null; booked: number; position: string | null }> {
    const stream = tenantStream('account', tenant, accountId);
    let booked = 0;
    let position: string | null = null;
    // One append holds a bounded number of facts: after a very long stop there are several, until one finds nothing left.
    for (;;) {
      const meta = processMeta(tenant, BOOK_DUE_ACTOR, null);
      const outcome = await this.sessions.execute(stream, meta, (state, at) => {
        const decision = decideAccount(state, { type: 'BookDue' }, at, this.contextOf(meta.commandId));
        if (isRefusal(decision)) return decision;
        if (!Array.isArray(decision)) return { unchanged: true, result: { booked: 0, next: nextDueAt(state), more: false } };
        return {
          facts: accountNewFacts(decision),
          result: () => ({ booked: decision.length, next: nextDueAt(state), more: (nextDueAt(state) ?? Infinity) <= at }),
        };
      });
      if (outcome.kind !== 'appended' && outcome.kind !== 'unchanged') return { nextDueAt: null, booked, position };
      booked += outcome.result.booked;
      if (outcome.kind === 'appended') position = outcome.position;
      if (!outcome.result.more) return { nextDueAt: outcome.result.next, booked, position };
    }
  }
}
