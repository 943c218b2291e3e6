// query · the balance as it stood at an instant: the stream folded up to there, the validity of its grants judged then.
import { Inject, Injectable } from '@nestjs/common';
import type { InstantMs } from '#libs/kernel';
import { tenantStream, type Sessions } from '#libs/event-store';
import type { Catalogue } from '#libs/catalogue';
import { balanceView, type AccountState, type BalanceView, type RenderContext } from '#libs/ledger';
import { ACCOUNT_SESSIONS, CATALOGUE, CONFIG, type Config } from '#libs/platform';

@Injectable()
export class PastBalances {
  private readonly render: RenderContext;

  constructor(
    @Inject(ACCOUNT_SESSIONS) private readonly sessions: Sessions<AccountState>,
    @Inject(CATALOGUE) catalogue: Catalogue,
    @Inject(CONFIG) { burnOrder }: Config,
  ) {
    this.render = { burnOrder, allowanceOf: (plan) => catalogue.plan(plan)?.monthlyAllowance ?? 0 };
  }

  /** Facts at the instant are included; null when the account was not open yet. */
  async balance(tenant: string, accountId: string, at: InstantMs): Promise<BalanceView | null> {
    const { state, revision, position } = await this.sessions.stateAt(tenantStream('account', tenant, accountId), { recordedAtMax: at });
    if (!state.isOpen || position === null) return null;
    return balanceView(state, at, { revision, position }, this.render);
  }
}
