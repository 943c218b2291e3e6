// 2 decide · an account as it was before a position: loaded once, then folded forward from decision to decision; called by Explanations.
import { tenantStream, type EventStore, type Position, type Sessions } from '#libs/event-store';
import { evolveAccount, type AccountFact, type AccountState } from '#libs/ledger';

/** Between two decisions over a task there is usually little; across more than this a snapshot is nearer. */
const FORWARD_FACTS_MAX = 200;

export interface AccountSeen {
  state: AccountState;
  revision: number;
}

export class AccountThen {
  private readonly stream: string;
  private seen: AccountSeen | null = null;

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly sessions: Pick<Sessions<AccountState>, 'stateAt'>,
    tenant: string,
    accountId: string,
  ) {
    this.stream = tenantStream('account', tenant, accountId);
  }

  async atRevision(revision: number): Promise<AccountSeen> {
    const { state } = await this.sessions.stateAt(this.stream, { revision });
    this.seen = { state, revision };
    return this.seen;
  }

  /** What the account's facts before the position add up to. Positions may only grow from call to call. */
  async before(position: Position): Promise<AccountSeen> {
    const near = this.seen;
    if (near !== null && (await this.forward(near, position))) return near;
    const loaded = await this.sessions.stateAt(this.stream, { positionMax: justBefore(position) });
    this.seen = { state: loaded.state, revision: loaded.revision };
    return this.seen;
  }

  private async forward(seen: AccountSeen, position: Position): Promise<boolean> {
    const facts = await this.store.readStream(this.stream, { fromRevision: seen.revision + 1, limit: FORWARD_FACTS_MAX });
    if (facts.length === FORWARD_FACTS_MAX && (facts.at(-1) as { position: Position }).position < position) return false;
    for (const fact of facts) {
      if (fact.position >= position) break;
      evolveAccount(seen.state, fact as unknown as AccountFact);
      seen.revision = fact.revision;
    }
    return true;
  }
}

/** The greatest text of the same width that sorts before it: positions are compared bytewise. */
function justBefore(position: Position): Position {
  return String(BigInt(position) - 1n).padStart(position.length, '0');
}
