// query · the balance as it stood at an instant: the stream folded up to there, the validity of its grants judged then.
import { Inject, Injectable } from '@nestjs/common';
import type { InstantMs } from '#libs/kernel';
import { tenantStream, type EventStore, type Position, type Sessions } from '#libs/event-store';
import type { Catalogue } from '#libs/catalogue';
import {
  balanceView,
  evolveAccount,
  tookEffectAt,
  type AccountFact,
  type AccountState,
  type BalanceView,
  type RenderContext,
} from '#libs/ledger';
import { ACCOUNT_SESSIONS, CATALOGUE, CONFIG, EVENT_STORE, type Config } from '#libs/platform';

/** One or two in the usual case; a year of a server that did not run is a few dozen. */
const DUE_PAGE_FACTS = 16;

export interface Place {
  revision: number;
  position: Position;
}

@Injectable()
export class PastBalances {
  readonly render: RenderContext;

  constructor(
    @Inject(ACCOUNT_SESSIONS) private readonly sessions: Sessions<AccountState>,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(CATALOGUE) catalogue: Catalogue,
    @Inject(CONFIG) { burnOrder }: Config,
  ) {
    this.render = { burnOrder, allowanceOf: (plan) => catalogue.plan(plan)?.monthlyAllowance ?? 0 };
  }

  /**
   * Facts at the instant are included, and so are the lapses and boundaries that had taken effect by then but were booked later; null when
   * the account was not open yet.
   */
  async balance(tenant: string, accountId: string, at: InstantMs): Promise<BalanceView | null> {
    const past = await this.account(tenant, accountId, at);
    return past === null ? null : balanceView(past.state, at, past.shown, this.render);
  }

  /** The same as a state, which is the caller's own; `recorded` is the last fact at the instant, `shown` the last that had taken effect. */
  async account(tenant: string, accountId: string, at: InstantMs): Promise<{ state: AccountState; recorded: Place; shown: Place } | null> {
    const stream = tenantStream('account', tenant, accountId);
    const { state, revision, position } = await this.sessions.stateAt(stream, { recordedAtMax: at });
    if (!state.isOpen || position === null) return null;
    const recorded = { revision, position };
    return { state, recorded, shown: await this.foldDue(stream, state, recorded, at) };
  }

  /** What time brings about is booked before anything else happens to the account, so it stands first among what follows. */
  private async foldDue(stream: string, state: AccountState, from: Place, at: InstantMs): Promise<Place> {
    let place: Place = from;
    for (;;) {
      const facts = await this.store.readStream(stream, { fromRevision: place.revision + 1, limit: DUE_PAGE_FACTS });
      for (const stored of facts) {
        const fact = stored as unknown as AccountFact;
        const effectiveAt = tookEffectAt(fact);
        if (effectiveAt === null || effectiveAt > at) return place;
        evolveAccount(state, fact);
        place = { revision: stored.revision, position: stored.position };
      }
      if (facts.length < DUE_PAGE_FACTS) return place;
    }
  }
}
