// 4 project · what a batch's account facts add up to: per account what it has become, per grant what moved; called by project.ts.
import { fromIso, unreachable, type Credits, type InstantMs, type Money } from '#libs/kernel';
import type { Position, StoredFact } from '#libs/event-store';
import type { AccountFact, Bucket, GrantPart, GrantTerms, Release } from '#libs/ledger';

/** What a batch makes of one account; `undefined` is "as it was". */
export interface AccountChange {
  stream: string;
  opened: OpenedAccount | null;
  plan: string | undefined;
  pendingPlan: string | null | undefined;
  nextResetAt: InstantMs | undefined;
  status: 'active' | 'suspended' | undefined;
  /** By which what is owed grew. */
  debt: number;
  revision: number;
  position: Position;
}

export interface OpenedAccount {
  tenant: string;
  accountId: string;
  sealed: string | null;
  timezone: string;
  billingAnchor: InstantMs;
  openedAt: InstantMs;
  position: Position;
}

/** What a batch makes of one grant: available and held as they are afterwards, the other counters as differences. */
export interface GrantChange {
  stream: string;
  grantId: string;
  granted: GrantedTerms | null;
  available: Credits;
  held: Credits;
  consumed: number;
  expired: number;
  revoked: number;
  reissued: number;
  adjusted: number;
  repaid: number;
  position: Position;
}

/** What a batch's disputes and debts make of one grant, beside its counters. */
export interface GrantMark {
  stream: string;
  grantId: string;
  /** Undefined: as it was. */
  dispute: { id: string | null; frozen: boolean } | undefined;
  position: Position;
}

export interface GrantedTerms {
  bucket: Bucket;
  credits: Credits;
  grantedAt: InstantMs;
  position: Position;
  ordinal: number;
  expiresAt: InstantMs | null;
  reference: string | null;
  costBasis: Money | null;
  reissuedFrom: string | null;
  /** Of an open dispute, which freezes it from its first moment. */
  disputeId: string | null;
}

/** Where credits that left or came back are counted. */
type Counter = 'consumed' | 'expired' | 'revoked' | 'reissued' | 'adjusted' | 'repaid';

export class BalanceBatch {
  readonly accounts = new Map<string, AccountChange>();
  readonly grants = new Map<string, GrantChange>();
  readonly marks = new Map<string, GrantMark>();
  /** By which the credits held in all accounts together grew. */
  held = 0;
  #ordinal = 0;

  fold(stored: StoredFact): void {
    const fact = stored as unknown as AccountFact;
    this.#ordinal = 0;
    const account = this.#account(stored);
    switch (fact.type) {
      case 'AccountOpened':
        open(account, stored, fact.data);
        return;
      case 'PlanChanged':
        if (fact.data.effective === 'now') account.plan = fact.data.to;
        account.pendingPlan = fact.data.effective === 'next_reset' ? fact.data.to : null;
        return;
      case 'CreditsGranted':
        this.#grant(stored, fact.data, fromIso(fact.data.decidedAt));
        return;
      case 'CreditsReserved':
        for (const reservation of fact.data.reservations) for (const part of reservation.drawdown) this.#move(stored, part);
        return;
      case 'CreditsConsumed':
        for (const part of fact.data.parts) this.#move(stored, part, 'consumed');
        this.#release(stored, fact.data, fromIso(fact.data.decidedAt));
        return;
      case 'CreditsRefunded':
        this.#release(stored, fact.data, fromIso(fact.data.decidedAt));
        return;
      case 'CreditsExpired':
        this.#move(stored, fact.data.part, 'expired');
        return;
      case 'CycleReset':
        for (const part of fact.data.lapsed) this.#move(stored, part, 'expired');
        if (fact.data.granted !== null) this.#grant(stored, fact.data.granted, fromIso(fact.data.effectiveAt));
        account.plan = fact.data.plan;
        account.pendingPlan = null;
        account.nextResetAt = fromIso(fact.data.nextResetAt);
        return;
      case 'GrantRevoked':
        this.#move(stored, fact.data.part, 'revoked');
        // What a lost dispute revoked is no longer frozen, because there is nothing left to spend.
        if (fact.data.cause === 'dispute_lost')
          this.#mark(stored, fact.data.part.grantId, { id: fact.data.disputeId ?? null, frozen: false });
        return;
      case 'DisputeOpened':
        for (const { grantId } of fact.data.grants) this.#mark(stored, grantId, { id: fact.data.disputeId, frozen: true });
        return;
      case 'DisputeWon':
        for (const { grantId } of fact.data.grants) this.#mark(stored, grantId, { id: null, frozen: false });
        return;
      case 'DebtRecorded':
        account.debt += fact.data.credits;
        if (fact.data.grantId !== null) this.#mark(stored, fact.data.grantId);
        return;
      case 'DebtRepaid':
        account.debt -= fact.data.credits;
        if (fact.data.part !== null) this.#repay(stored, fact.data.cause, fact.data.part);
        return;
      case 'CreditsAdjusted':
        for (const part of fact.data.parts) this.#move(stored, part, 'adjusted');
        if (fact.data.granted !== null) this.#grant(stored, fact.data.granted, fromIso(fact.data.decidedAt));
        return;
      case 'DisputeLost':
      case 'AdjustmentRequested':
      case 'AdjustmentRejected':
        return;
      case 'ProviderCostBooked':
        return;
      case 'AccountSuspended':
        account.status = 'suspended';
        return;
      case 'AccountResumed':
        account.status = 'active';
        return;
      default:
        unreachable(fact, 'account fact');
    }
  }

  #account(stored: StoredFact): AccountChange {
    let change = this.accounts.get(stored.stream);
    if (change === undefined) {
      const { stream, revision, position } = stored;
      change = {
        stream,
        opened: null,
        plan: undefined,
        pendingPlan: undefined,
        nextResetAt: undefined,
        status: undefined,
        debt: 0,
        revision,
        position,
      };
      this.accounts.set(stream, change);
    }
    change.revision = stored.revision;
    change.position = stored.position;
    return change;
  }

  #grant(stored: StoredFact, terms: GrantTerms, grantedAt: InstantMs): void {
    const { bucket, credits, reference, costBasis, reissuedFrom } = terms;
    const expiresAt = terms.expiresAt === null ? null : fromIso(terms.expiresAt);
    const { stream, position } = stored;
    const { grantId, disputeId = null } = terms;
    const origin = { reference, costBasis, reissuedFrom, disputeId };
    const granted = { bucket, credits, grantedAt, position, ordinal: this.#ordinal++, expiresAt, ...origin };
    const counters = { available: credits, held: 0, consumed: 0, expired: 0, revoked: 0, reissued: 0, adjusted: 0, repaid: 0 };
    this.grants.set(`${stream} ${grantId}`, { stream, grantId, granted, ...counters, position });
  }

  /** Credits that came back from a hold, or as goodwill from consumption. */
  #release(stored: StoredFact, release: Release, at: InstantMs): void {
    for (const part of release.returned) this.#move(stored, part, 'consumed');
    for (const { from, grant } of release.reissued) {
      const change = this.#move(stored, from, 'consumed');
      // Of goodwill the credits were consumed before: gone stays, and only the reason that they are gone for changes.
      change.reissued += from.credits;
      change.consumed -= from.credits;
      this.#grant(stored, grant, at);
    }
  }

  #repay(stored: StoredFact, cause: 'purchase' | 'goodwill', part: GrantPart): void {
    if (cause === 'purchase') {
      this.#move(stored, part, 'repaid');
      return;
    }
    // What the grant counted as consumed it counts as revoked from now on: its other counters stand still.
    const change = this.#move(stored, part);
    change.consumed -= part.credits;
    change.revoked += part.credits;
  }

  #mark(stored: StoredFact, grantId: string, dispute?: { id: string | null; frozen: boolean }): void {
    const { stream, position } = stored;
    const key = `${stream} ${grantId}`;
    this.marks.set(key, { stream, grantId, dispute: dispute ?? this.marks.get(key)?.dispute, position });
  }

  /** `counter` takes what went for good by this part, or gives what came back. */
  #move(stored: StoredFact, part: GrantPart, counter?: Counter): GrantChange {
    const key = `${stored.stream} ${part.grantId}`;
    let change = this.grants.get(key);
    if (change === undefined) {
      const { stream, position } = stored;
      change = {
        stream,
        grantId: part.grantId,
        granted: null,
        available: 0,
        held: 0,
        consumed: 0,
        expired: 0,
        revoked: 0,
        reissued: 0,
        adjusted: 0,
        repaid: 0,
        position,
      };
      this.grants.set(key, change);
    }
    change.available = part.after.available;
    change.held = part.after.held;
    change.position = stored.position;
    if (counter !== undefined) change[counter] += part.after.gone - part.before.gone;
    this.held += part.after.held - part.before.held;
    return change;
  }
}

function open(account: AccountChange, stored: StoredFact, data: Extract<AccountFact, { type: 'AccountOpened' }>['data']): void {
  account.opened = {
    tenant: stored.tenant,
    accountId: data.accountId,
    sealed: stored.sealed,
    timezone: data.timezone,
    billingAnchor: fromIso(data.billingAnchor),
    openedAt: fromIso(data.decidedAt),
    position: stored.position,
  };
  account.plan = data.plan;
  account.pendingPlan = null;
  account.nextResetAt = fromIso(data.nextResetAt);
  account.status = 'active';
}
