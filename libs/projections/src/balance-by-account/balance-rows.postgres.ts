// query · projected balances kept in memory: one read a tick for all who wait tells which accounts have changed since; called by query.postgres.ts.
import { LRUCache } from 'lru-cache';
import type pg from 'pg';
import { fromIso } from '#libs/kernel';
import { parseStream } from '#libs/event-store';
import { type AccountState, type Bucket, type GrantState, initialAccount, type StatePlace } from '#libs/ledger';

/** An account as far as its balance goes: everything else of the state is as in an account that was never opened. */
export interface BalanceRow {
  state: AccountState;
  place: StatePlace;
}

/** One statement, so one snapshot: an account and its grants never disagree. */
const SELECT_BALANCES = `
  SELECT a.stream, a.plan, a.pending_plan, a.next_reset_at, a.debt, a.revision, a.position,
         (SELECT json_agg(g) FROM balance_grant AS g WHERE g.stream = a.stream AND g.live) AS grants
    FROM balance_account AS a WHERE a.stream = ANY($1::text[])`;

/** The row that was seen last is there, unless so many came after it that it was dropped: then nothing is known of the time between. */
const SELECT_CHANGES = `
  SELECT position, CASE WHEN position > $1 THEN streams END AS streams FROM balance_change WHERE position >= $1 ORDER BY position`;
const SELECT_LAST_CHANGE = 'SELECT max(position) AS position FROM balance_change';

const ROWS_MAX = 20_000;

interface Waiter {
  stream: string;
  resolve: (row: BalanceRow | null) => void;
  reject: (error: unknown) => void;
}

/** A row as `json_agg` gives it. */
export interface GrantJson {
  grant_id: string;
  bucket: Bucket;
  credits: number;
  available: number;
  held: number;
  consumed: number;
  expired: number;
  revoked: number;
  reissued: number;
  adjusted: number;
  repaid: number;
  granted_at: string;
  expires_at: string | null;
  reference: string | null;
  currency: string | null;
  amount_minor: number | null;
  reissued_from: string | null;
  dispute_id: string | null;
  frozen: boolean;
}

export class BalanceRows {
  readonly #rows: LRUCache<string, BalanceRow>;
  #seen: string | null = null;
  #waiting: Waiter[] = [];
  #busy = false;

  constructor(
    private readonly pool: pg.Pool,
    rowsMax = ROWS_MAX,
  ) {
    this.#rows = new LRUCache({ max: rowsMax });
  }

  /** As the projection stands at some moment after the call; null for an account that it does not know. */
  get(stream: string): Promise<BalanceRow | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ stream, resolve, reject });
      if (!this.#busy) this.#begin();
    });
  }

  #begin(): void {
    this.#busy = true;
    setImmediate(() => void this.#round());
  }

  /** One at a time: what is loaded in a round is newer than what the round was told of, so no change is missed between the two. */
  async #round(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      await this.#dropChanged();
      const missing = new Set(waiting.filter(({ stream }) => !this.#rows.has(stream)).map(({ stream }) => stream));
      const loaded = missing.size === 0 ? new Map<string, BalanceRow>() : await this.#load([...missing]);
      for (const { stream, resolve } of waiting) resolve(loaded.get(stream) ?? this.#rows.get(stream) ?? null);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
    this.#busy = false;
    if (this.#waiting.length > 0) this.#begin();
  }

  async #dropChanged(): Promise<void> {
    if (this.#seen === null) {
      this.#rows.clear();
      const { rows } = await this.pool.query<{ position: string | null }>({ name: 'balance_last_change', text: SELECT_LAST_CHANGE });
      this.#seen = rows[0]?.position ?? null;
      return;
    }
    const { rows } = await this.pool.query<{ position: string; streams: string[] | null }>({
      name: 'balance_changes',
      text: SELECT_CHANGES,
      values: [this.#seen],
    });
    if (rows[0]?.position !== this.#seen) {
      this.#seen = null;
      return this.#dropChanged();
    }
    for (const { position, streams } of rows) {
      if (streams === null) continue;
      for (const stream of streams) this.#rows.delete(stream);
      this.#seen = position;
    }
  }

  async #load(streams: string[]): Promise<Map<string, BalanceRow>> {
    const { rows } = await this.pool.query<{
      stream: string;
      plan: string;
      pending_plan: string | null;
      next_reset_at: Date;
      debt: string;
      revision: number;
      position: string;
      grants: GrantJson[] | null;
    }>({ name: 'balance_rows', text: SELECT_BALANCES, values: [streams] });
    const loaded = new Map<string, BalanceRow>();
    for (const row of rows) {
      const state = initialAccount();
      state.accountId = parseStream(row.stream).id;
      state.plan = row.plan;
      state.pendingPlan = row.pending_plan;
      state.nextResetAt = row.next_reset_at.getTime();
      state.debt = Number(row.debt);
      for (const grant of row.grants ?? []) state.grants.set(grant.grant_id, grantOf(grant));
      const balance = { state, place: { revision: row.revision, position: row.position } };
      loaded.set(row.stream, balance);
      // Before the first change there is no mark to tell the next one by.
      if (this.#seen !== null) this.#rows.set(row.stream, balance);
    }
    return loaded;
  }
}

export function grantOf(row: GrantJson): GrantState {
  const { bucket, credits, available, held, consumed, expired, revoked, reissued, adjusted, repaid, reference } = row;
  return {
    id: row.grant_id,
    ...{ bucket, credits, available, held, consumed, expired, revoked, reissued, adjusted, repaid, reference },
    grantedAt: fromIso(row.granted_at),
    expiresAt: row.expires_at === null ? null : fromIso(row.expires_at),
    costBasis: row.currency === null || row.amount_minor === null ? null : { currency: row.currency, amountMinor: row.amount_minor },
    reissuedFrom: row.reissued_from,
    // Of a grant whose cycle an operator ended nothing is available; why does not matter to a reader.
    lapsedEarly: false,
    // A dispute over it that does not freeze it was lost, and revoked it.
    isRevoked: row.dispute_id !== null && !row.frozen,
    spentIsDebt: false,
    disputeId: row.dispute_id,
    // What a balance or a grant shows follows from the counters alone.
    money: null,
    revision: -1,
  };
}
