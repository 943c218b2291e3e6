// 4 project · balance-by-account: which rows a batch of account facts writes; run by the projection engine.
import type { StoredFact } from '#libs/event-store';
import { bigintArray, boolArray, instantArray, intArray, textArray } from '../engine/binary-arrays.js';
import { type Projection, type ReadModel, type Statement, versioned } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';
import { type AccountChange, BalanceBatch, type GrantChange, type GrantedTerms, type GrantMark, type OpenedAccount } from './fold.js';

const INSERT_ACCOUNTS = `
  INSERT INTO balance_account_vN (stream, tenant, account_id, sealed, plan, pending_plan, timezone, billing_anchor, next_reset_at, opened_at,
                                  opened_position, status, debt, revision, position)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[],
                       $10::timestamptz[], $11::text[], $12::text[], $13::int8[], $14::int[], $15::text[])`;

const UPDATE_TERMS = `
  WITH changed AS (
    UPDATE balance_account_vN AS a
       SET plan = coalesce(t.plan, a.plan), pending_plan = CASE WHEN t.pending_changed THEN t.pending_plan ELSE a.pending_plan END,
           next_reset_at = coalesce(t.next_reset_at, a.next_reset_at), status = coalesce(t.status, a.status), debt = a.debt + t.debt,
           revision = t.revision, position = t.position
      FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::timestamptz[], $6::text[], $7::int8[], $8::int[], $9::text[])
           AS t(stream, plan, pending_changed, pending_plan, next_reset_at, status, debt, revision, position)
     WHERE a.stream = t.stream RETURNING 1)
  SELECT projection_expect('balance_account', $10, (SELECT count(*) FROM changed))`;

const UPDATE_HEADS = `
  WITH changed AS (
    UPDATE balance_account_vN AS a SET revision = t.revision, position = t.position
      FROM unnest($1::text[], $2::int[], $3::text[]) AS t(stream, revision, position)
     WHERE a.stream = t.stream RETURNING 1)
  SELECT projection_expect('balance_account', $4, (SELECT count(*) FROM changed))`;

const INSERT_GRANTS = `
  INSERT INTO balance_grant_vN (stream, grant_id, bucket, credits, available, held, consumed, expired, revoked, reissued, adjusted, repaid, live,
                                granted_at, granted_position, ordinal, expires_at, reference, currency, amount_minor, reissued_from, dispute_id, frozen,
                                position)
  SELECT stream, grant_id, bucket, credits, available, held, consumed, expired, revoked, reissued, adjusted, repaid, available > 0 OR held > 0,
         granted_at, granted_position, ordinal, expires_at, reference, currency, amount_minor, reissued_from, dispute_id, dispute_id IS NOT NULL,
         position
    FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::int8[],
                $11::int8[], $12::int8[], $13::timestamptz[], $14::text[], $15::int[], $16::timestamptz[], $17::text[], $18::text[], $19::int8[],
                $20::text[], $21::text[], $22::text[])
         AS t(stream, grant_id, bucket, credits, available, held, consumed, expired, revoked, reissued, adjusted, repaid,
              granted_at, granted_position, ordinal, expires_at, reference, currency, amount_minor, reissued_from, dispute_id, position)`;

const UPDATE_GRANTS = `
  WITH changed AS (
    UPDATE balance_grant_vN AS g
       SET available = t.available, held = t.held, consumed = g.consumed + t.consumed, expired = g.expired + t.expired,
           revoked = g.revoked + t.revoked, reissued = g.reissued + t.reissued, adjusted = g.adjusted + t.adjusted, repaid = g.repaid + t.repaid,
           live = t.available > 0 OR t.held > 0, position = t.position
      FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::int8[],
                  $11::text[])
           AS t(stream, grant_id, available, held, consumed, expired, revoked, reissued, adjusted, repaid, position)
     WHERE g.stream = t.stream AND g.grant_id = t.grant_id RETURNING 1)
  SELECT projection_expect('balance_grant', $12, (SELECT count(*) FROM changed))`;

/** After the counters: a grant can be made, disputed and let go of in one batch. */
const MARK_GRANTS = `
  WITH changed AS (
    UPDATE balance_grant_vN AS g
       SET dispute_id = CASE WHEN t.changed THEN t.dispute_id ELSE g.dispute_id END, frozen = CASE WHEN t.changed THEN t.frozen ELSE g.frozen END,
           position = greatest(g.position, t.position)
      FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::bool[], $6::text[]) AS t(stream, grant_id, changed, dispute_id, frozen, position)
     WHERE g.stream = t.stream AND g.grant_id = t.grant_id RETURNING 1)
  SELECT projection_expect('balance_grant', $7, (SELECT count(*) FROM changed))`;

const ADD_HELD = 'UPDATE balance_total_vN SET held = held + $1 WHERE id';
const INSERT_CHANGE = 'INSERT INTO balance_change_vN (position, streams) VALUES ($1, $2::text[])';
const DROP_CHANGES = 'DELETE FROM balance_change_vN WHERE position < $1';

/** Batches whose changed accounts are remembered, at least; they are dropped this many at a time. */
const CHANGES_KEPT = 256;

class BalanceProjection implements Projection {
  #batch = new BalanceBatch();
  /** Positions of the changes that were written since the last clearing. */
  #changes: string[] = [];

  constructor(private readonly version: number) {}

  async load(): Promise<void> {
    // Facts carry the counters around every movement, so nothing has to be looked up.
  }

  fold(facts: readonly StoredFact[]): void {
    for (const fact of facts) if (fact.stream.startsWith('account-')) this.#batch.fold(fact);
  }

  write(to: string): Statement[] {
    const { accounts, grants, held, marks } = this.#batch;
    if (accounts.size === 0) return [];
    const changes = [...accounts.values()];
    const moved = [...grants.values()];
    const statements = [
      ...this.#writeAccounts(changes),
      ...this.#insertGrants(moved.filter((change) => change.granted !== null) as Array<GrantChange & { granted: GrantedTerms }>),
      ...this.#updateGrants(moved.filter((change) => change.granted === null)),
      ...this.#markGrants([...marks.values()]),
      this.#statement('insert_change', INSERT_CHANGE, [to, textArray(changes.map((change) => change.stream))]),
    ];
    if (held !== 0) statements.push(this.#statement('add_held', ADD_HELD, [held]));
    this.#changes.push(to);
    if (this.#changes.length >= 2 * CHANGES_KEPT)
      statements.push(this.#statement('drop_changes', DROP_CHANGES, [this.#changes[CHANGES_KEPT]]));
    return statements;
  }

  committed(): void {
    this.#batch = new BalanceBatch();
    if (this.#changes.length >= 2 * CHANGES_KEPT) this.#changes = this.#changes.slice(CHANGES_KEPT);
  }

  aborted(): void {
    this.#batch = new BalanceBatch();
    this.#changes = [];
  }

  #writeAccounts(changes: readonly AccountChange[]): Statement[] {
    const opened = changes.filter((change) => change.opened !== null);
    const known = changes.filter((change) => change.opened === null);
    const terms = known.filter(hasTerms);
    const heads = known.filter((change) => !hasTerms(change));
    const statements: Statement[] = [];
    if (opened.length > 0) statements.push(this.#insertAccounts(opened as Array<AccountChange & { opened: OpenedAccount }>));
    if (terms.length > 0) statements.push(this.#updateTerms(terms));
    if (heads.length > 0) {
      const values = [
        textArray(heads.map((change) => change.stream)),
        intArray(heads.map((change) => change.revision)),
        textArray(heads.map((change) => change.position)),
        heads.length,
      ];
      statements.push(this.#statement('update_heads', UPDATE_HEADS, values));
    }
    return statements;
  }

  #insertAccounts(rows: ReadonlyArray<AccountChange & { opened: OpenedAccount }>): Statement {
    return this.#statement('insert_accounts', INSERT_ACCOUNTS, [
      textArray(rows.map((row) => row.stream)),
      textArray(rows.map((row) => row.opened.tenant)),
      textArray(rows.map((row) => row.opened.accountId)),
      textArray(rows.map((row) => row.opened.sealed)),
      textArray(rows.map((row) => row.plan ?? null)),
      textArray(rows.map((row) => row.pendingPlan ?? null)),
      textArray(rows.map((row) => row.opened.timezone)),
      instantArray(rows.map((row) => row.opened.billingAnchor)),
      instantArray(rows.map((row) => row.nextResetAt ?? null)),
      instantArray(rows.map((row) => row.opened.openedAt)),
      textArray(rows.map((row) => row.opened.position)),
      textArray(rows.map((row) => row.status ?? null)),
      bigintArray(rows.map((row) => row.debt)),
      intArray(rows.map((row) => row.revision)),
      textArray(rows.map((row) => row.position)),
    ]);
  }

  #updateTerms(rows: readonly AccountChange[]): Statement {
    return this.#statement('update_terms', UPDATE_TERMS, [
      textArray(rows.map((row) => row.stream)),
      textArray(rows.map((row) => row.plan ?? null)),
      boolArray(rows.map((row) => row.pendingPlan !== undefined)),
      textArray(rows.map((row) => row.pendingPlan ?? null)),
      instantArray(rows.map((row) => row.nextResetAt ?? null)),
      textArray(rows.map((row) => row.status ?? null)),
      bigintArray(rows.map((row) => row.debt)),
      intArray(rows.map((row) => row.revision)),
      textArray(rows.map((row) => row.position)),
      rows.length,
    ]);
  }

  #insertGrants(rows: ReadonlyArray<GrantChange & { granted: GrantedTerms }>): Statement[] {
    if (rows.length === 0) return [];
    const values = [
      ...keysOf(rows),
      textArray(rows.map((row) => row.granted.bucket)),
      bigintArray(rows.map((row) => row.granted.credits)),
      ...countersOf(rows),
      instantArray(rows.map((row) => row.granted.grantedAt)),
      textArray(rows.map((row) => row.granted.position)),
      intArray(rows.map((row) => row.granted.ordinal)),
      instantArray(rows.map((row) => row.granted.expiresAt)),
      textArray(rows.map((row) => row.granted.reference)),
      textArray(rows.map((row) => row.granted.costBasis?.currency ?? null)),
      bigintArray(rows.map((row) => row.granted.costBasis?.amountMinor ?? null)),
      textArray(rows.map((row) => row.granted.reissuedFrom)),
      textArray(rows.map((row) => row.granted.disputeId)),
      textArray(rows.map((row) => row.position)),
    ];
    return [this.#statement('insert_grants', INSERT_GRANTS, values)];
  }

  #updateGrants(rows: readonly GrantChange[]): Statement[] {
    if (rows.length === 0) return [];
    const values = [...keysOf(rows), ...countersOf(rows), textArray(rows.map((row) => row.position)), rows.length];
    return [this.#statement('update_grants', UPDATE_GRANTS, values)];
  }

  #markGrants(marks: readonly GrantMark[]): Statement[] {
    if (marks.length === 0) return [];
    const values = [
      ...keysOf(marks),
      boolArray(marks.map((mark) => mark.dispute !== undefined)),
      textArray(marks.map((mark) => mark.dispute?.id ?? null)),
      boolArray(marks.map((mark) => mark.dispute?.frozen ?? false)),
      textArray(marks.map((mark) => mark.position)),
      marks.length,
    ];
    return [this.#statement('mark_grants', MARK_GRANTS, values)];
  }

  #statement(name: string, text: string, values: unknown[]): Statement {
    return { name: `balance_v${this.version}_${name}`, text: versioned(text, this.version), values };
  }
}

function hasTerms(change: AccountChange): boolean {
  const { plan, pendingPlan, nextResetAt, status, debt } = change;
  return plan !== undefined || pendingPlan !== undefined || nextResetAt !== undefined || status !== undefined || debt !== 0;
}

function keysOf(rows: ReadonlyArray<{ stream: string; grantId: string }>): Buffer[] {
  return [textArray(rows.map((row) => row.stream)), textArray(rows.map((row) => row.grantId))];
}

function countersOf(rows: readonly GrantChange[]): Buffer[] {
  return [
    bigintArray(rows.map((row) => row.available)),
    bigintArray(rows.map((row) => row.held)),
    bigintArray(rows.map((row) => row.consumed)),
    bigintArray(rows.map((row) => row.expired)),
    bigintArray(rows.map((row) => row.revoked)),
    bigintArray(rows.map((row) => row.reissued)),
    bigintArray(rows.map((row) => row.adjusted)),
    bigintArray(rows.map((row) => row.repaid)),
  ];
}

export const balanceByAccount: ReadModel = {
  name: 'balance-by-account',
  codeVersion: 2,
  relations: ['balance_account', 'balance_grant', 'balance_change', 'balance_total'],
  incidental: ['balance_change'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new BalanceProjection(version),
};
