// 4 project · adjustments: one row each, from the request or the correction itself to its end; run by the projection engine.
import { fromIso, type InstantMs } from '#libs/kernel';
import { parseStream, type Position, type StoredFact } from '#libs/event-store';
import type { AccountFact, AdjustmentStatus, AdjustmentTerms } from '#libs/ledger';
import { bigintArray, instantArray, textArray } from '../engine/binary-arrays.js';
import { type Projection, type ReadModel, type Statement, versioned } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';

const INSERT = `
  INSERT INTO adjustment_vN (tenant, adjustment_id, account_id, bucket, credits, reason, ticket, status, requested_by, approved_by, grant_id,
                             created_at, created_position, position)
  SELECT tenant, adjustment_id, account_id, bucket, credits, reason, ticket, status, requested_by, NULL, grant_id,
         created_at, created_position, created_position
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                $11::timestamptz[], $12::text[])
         AS t(tenant, adjustment_id, account_id, bucket, credits, reason, ticket, status, requested_by, grant_id, created_at, created_position)`;

const DECIDE = `
  WITH changed AS (
    UPDATE adjustment_vN AS a SET status = t.status, approved_by = t.approved_by, grant_id = t.grant_id, position = t.position
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
           AS t(tenant, adjustment_id, status, approved_by, grant_id, position)
     WHERE a.tenant = t.tenant AND a.adjustment_id = t.adjustment_id AND a.status = 'pending_approval' RETURNING 1)
  SELECT projection_expect('adjustment', $7, (SELECT count(*) FROM changed))`;

interface Made {
  fact: StoredFact;
  terms: AdjustmentTerms;
  status: AdjustmentStatus;
  grantId: string | null;
  createdAt: InstantMs;
}

interface Decided {
  tenant: string;
  adjustmentId: string;
  status: AdjustmentStatus;
  approvedBy: string | null;
  grantId: string | null;
  position: Position;
}

class AdjustmentsProjection implements Projection {
  #made: Made[] = [];
  #decided: Decided[] = [];

  constructor(private readonly version: number) {}

  async load(): Promise<void> {
    // Facts say what changes; nothing has to be looked up.
  }

  fold(facts: readonly StoredFact[]): void {
    for (const fact of facts) if (fact.stream.startsWith('account-')) this.#fold(fact);
  }

  #fold(stored: StoredFact): void {
    const fact = stored as unknown as AccountFact;
    const { tenant, position } = stored;
    switch (fact.type) {
      case 'AdjustmentRequested':
        this.#make(stored, fact.data, 'pending_approval', null, fromIso(fact.data.decidedAt));
        return;
      case 'CreditsAdjusted': {
        const { adjustmentId, approvedBy, granted } = fact.data;
        const grantId = granted?.grantId ?? null;
        if (approvedBy === null) this.#make(stored, fact.data, 'applied', grantId, fromIso(fact.data.decidedAt));
        else this.#decided.push({ tenant, adjustmentId, status: 'applied', approvedBy, grantId, position });
        return;
      }
      case 'AdjustmentRejected': {
        const { adjustmentId } = fact.data;
        this.#decided.push({ tenant, adjustmentId, status: 'rejected', approvedBy: null, grantId: null, position });
        return;
      }
      default:
        return;
    }
  }

  #make(fact: StoredFact, terms: AdjustmentTerms, status: AdjustmentStatus, grantId: string | null, createdAt: InstantMs): void {
    this.#made.push({ fact, terms, status, grantId, createdAt });
  }

  write(): Statement[] {
    const statements: Statement[] = [];
    if (this.#made.length > 0) statements.push(this.#statement('insert', INSERT, madeValues(this.#made)));
    if (this.#decided.length > 0) {
      const rows = this.#decided;
      const values = [
        textArray(rows.map((row) => row.tenant)),
        textArray(rows.map((row) => row.adjustmentId)),
        textArray(rows.map((row) => row.status)),
        textArray(rows.map((row) => row.approvedBy)),
        textArray(rows.map((row) => row.grantId)),
        textArray(rows.map((row) => row.position)),
        rows.length,
      ];
      statements.push(this.#statement('decide', DECIDE, values));
    }
    return statements;
  }

  #statement(name: string, text: string, values: unknown[]): Statement {
    return { name: `adjustments_v${this.version}_${name}`, text: versioned(text, this.version), values };
  }

  committed(): void {
    this.#made = [];
    this.#decided = [];
  }

  aborted(): void {
    this.committed();
  }
}

function madeValues(rows: readonly Made[]): unknown[] {
  return [
    textArray(rows.map(({ fact }) => fact.tenant)),
    textArray(rows.map(({ terms }) => terms.adjustmentId)),
    textArray(rows.map(({ fact }) => parseStream(fact.stream).id)),
    textArray(rows.map(({ terms }) => terms.bucket)),
    bigintArray(rows.map(({ terms }) => terms.credits)),
    textArray(rows.map(({ terms }) => terms.reason)),
    textArray(rows.map(({ terms }) => terms.ticket)),
    textArray(rows.map((row) => row.status)),
    textArray(rows.map(({ terms }) => terms.requestedBy)),
    textArray(rows.map((row) => row.grantId)),
    instantArray(rows.map((row) => row.createdAt)),
    textArray(rows.map(({ fact }) => fact.position)),
  ];
}

export const adjustments: ReadModel = {
  name: 'adjustments',
  codeVersion: 1,
  relations: ['adjustment'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new AdjustmentsProjection(version),
};
