// query · an account as it stood at a position or an instant, with the facts up to there: at the cost of a snapshot and a page, whatever its age.
import { Inject, Injectable } from '@nestjs/common';
import { fromIso, toIso, type Clock, type InstantMs, type JsonObject } from '#libs/kernel';
import {
  POSITION_PATTERN,
  POSITION_START,
  placeOf,
  tenantStream,
  toPosition,
  type CustomerKeys,
  type EventStore,
  type Position,
  type Sessions,
  type StoredFact,
} from '#libs/event-store';
import { ClosedPeriods, effectiveAtOf, type JournalFact, type PeriodCloseStarted } from '#libs/finance';
import { accountName, accountView, balanceView, type AccountState, type AccountView, type BalanceView } from '#libs/ledger';
import { ACCOUNT_SESSIONS, CLOCK, CUSTOMER_KEYS, EVENT_STORE } from '#libs/platform';
import { decodeCursor, encodeCursor, type PageQuery } from '#libs/projections';
import { PastBalances, type Place } from '../accounts/past-balances.js';
import { invalid } from '../problems/problem.js';
import { parseInstant } from '../validation/instant.js';

export interface FactView {
  id: string;
  type: string;
  schemaVersion: number;
  stream: string;
  revision: number;
  position: Position;
  recordedAt: string;
  effectiveAt: string;
  actor: string;
  correlationId: string;
  causationId: string | null;
  data: JsonObject;
}

export interface AccountHistoryView {
  at: string;
  position: Position;
  account: AccountView;
  balance: BalanceView;
  /** Newest first. */
  data: FactView[];
  nextCursor: string | null;
}

/** What a history is as of; its cursors carry it, so that every page is of the same moment. */
interface AsOf {
  kind: 'instant' | 'position';
  at: InstantMs;
  position: Position;
}

/** How far back the log is searched for the fact before a position that none stands at: refused groups leave holes. */
const HOLE_LOOKS = [16, 256, 4_096, 65_536] as const;

@Injectable()
export class AccountHistories {
  constructor(
    @Inject(PastBalances) private readonly past: PastBalances,
    @Inject(ACCOUNT_SESSIONS) private readonly sessions: Sessions<AccountState>,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(CUSTOMER_KEYS) private readonly keys: CustomerKeys,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Null when there was no such account then. */
  async history(tenant: string, accountId: string, at: string | undefined, page: PageQuery): Promise<AccountHistoryView | null> {
    const resumed = page.cursor === null ? null : readCursor(page.cursor, at);
    const asOf = resumed?.asOf ?? (await this.asOf(at));
    const seen = await this.stateAt(tenant, accountId, asOf);
    if (seen === null) return null;
    const { state, recorded, shown } = seen;
    const who = await accountName(this.store, this.keys, tenant, accountId);
    const from = Math.min(resumed?.fromRevision ?? recorded.revision, recorded.revision);
    const stream = tenantStream('account', tenant, accountId);
    const facts = await this.store.readStream(stream, { fromRevision: from, direction: 'backwards', limit: page.limit });
    const dated = await this.dated(tenant, facts);
    const next = from - facts.length;
    return {
      at: toIso(asOf.at),
      position: asOf.position,
      account: accountView(state, who, shown, this.past.render),
      balance: balanceView(state, asOf.at, shown, this.past.render),
      data: facts.map((fact, index) => factView(fact, dated[index] as InstantMs)),
      nextCursor: next < 0 || facts.length === 0 ? null : writeCursor(asOf, at, next),
    };
  }

  /** An instant has a `T` in it; what has none is a position. */
  private async asOf(at: string | undefined): Promise<AsOf> {
    const [now, head] = [this.clock.now(), await this.store.head()];
    if (at === undefined) return { kind: 'position', at: now, position: head };
    if (at.includes('T')) {
      const instant = parseInstant(at) as InstantMs;
      if (instant > now) throw invalid([{ pointer: '/at', detail: `is later than now, ${toIso(now)}` }]);
      return { kind: 'instant', at: instant, position: head };
    }
    if (at > head) throw invalid([{ pointer: '/at', detail: `is beyond the log's end, ${head}` }]);
    return { kind: 'position', at: await this.instantOf(at), position: at };
  }

  /** Of the fact at the position, or of the last before it. */
  private async instantOf(position: Position): Promise<InstantMs> {
    const fact = await this.store.readAt(position);
    if (fact !== null) return fact.recordedAt;
    const place = placeOf(position);
    for (const look of HOLE_LOOKS) {
      const after = Math.max(0, place - look);
      const { facts } = await this.store.readAll({ after: toPosition(after), limit: look });
      const before = facts.findLast((each) => each.position <= position);
      if (before !== undefined) return before.recordedAt;
      if (after === 0) break;
    }
    return 0;
  }

  private async stateAt(
    tenant: string,
    accountId: string,
    asOf: AsOf,
  ): Promise<{ state: AccountState; recorded: Place; shown: Place } | null> {
    if (asOf.kind === 'instant') {
      const seen = await this.past.account(tenant, accountId, asOf.at);
      // The log's end of a later page is not that of the first: what is shown is where the account stood.
      if (seen !== null) asOf.position = seen.recorded.position;
      return seen;
    }
    const stream = tenantStream('account', tenant, accountId);
    const { state, revision, position } = await this.sessions.stateAt(stream, { positionMax: asOf.position });
    if (!state.isOpen || position === null) return null;
    const place = { revision, position };
    return { state, recorded: place, shown: place };
  }

  /** When each took effect in the books: a fact behind the close of the period that it falls in takes effect with its record. */
  private async dated(tenant: string, facts: readonly StoredFact[]): Promise<InstantMs[]> {
    const closes = (await this.store.readStream(`periods-${tenant}`)).filter((fact) => fact.type === 'PeriodCloseStarted');
    return facts.map((fact) => {
      const closed = new ClosedPeriods();
      for (const close of closes) {
        const { period, closedAt } = (close as unknown as PeriodCloseStarted).data;
        if (close.position < fact.position) closed.close(tenant, period, closedAt);
      }
      return closed.date(tenant, effectiveAtOf(fact as unknown as JournalFact, fact.recordedAt), fact.recordedAt).effectiveAt;
    });
  }
}

function factView(fact: StoredFact, effectiveAt: InstantMs): FactView {
  const { id, type, schemaVersion, stream, revision, position, recordedAt, actor, correlationId, causationId, data } = fact;
  return {
    ...{ id, type, schemaVersion, stream, revision, position, recordedAt: toIso(recordedAt), effectiveAt: toIso(effectiveAt) },
    ...{ actor, correlationId, causationId, data },
  };
}

const CURSOR = 'account-history';

function writeCursor(asOf: AsOf, asked: string | undefined, revision: number): string {
  return encodeCursor(CURSOR, [asked ?? '', asOf.kind, toIso(asOf.at), asOf.position, revision]);
}

/** A page of one moment does not go on as one of another. */
function readCursor(cursor: string, asked: string | undefined): { asOf: AsOf; fromRevision: number } {
  const [was, kind, at, position, revision] = decodeCursor(CURSOR, cursor, ['string', 'string', 'string', 'string', 'integer']);
  const isWhole = (kind === 'instant' || kind === 'position') && parseInstant(at) !== null && POSITION_PATTERN.test(String(position));
  if (!isWhole || (asked !== undefined && asked !== was)) throw invalid([{ pointer: '/cursor', detail: 'is not a cursor of this list' }]);
  return {
    asOf: { kind, at: fromIso(at as string), position: String(position) || POSITION_START },
    fromRevision: revision as number,
  };
}
