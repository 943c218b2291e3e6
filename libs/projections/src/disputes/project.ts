// 4 project · disputes: one row each, from its opening, its ending and what follows it; run by the projection engine.
import { fromIso, type InstantMs } from '#libs/kernel';
import { parseStream, type Position, type StoredFact } from '#libs/event-store';
import type { AccountFact } from '#libs/ledger';
import { bigintArray, instantArray, textArray } from '../engine/binary-arrays.js';
import { type Projection, type ReadModel, type Statement, versioned } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';

const INSERT = `
  INSERT INTO dispute_vN (stream, dispute_id, tenant, account_id, grant_ids, reference, reason, status, debt, opened_at, opened_position, closed_at,
                          position)
  SELECT stream, dispute_id, tenant, account_id, '[]', reference, reason, 'open', 0, opened_at, opened_position, NULL, opened_position
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[])
         AS t(stream, dispute_id, tenant, account_id, reference, reason, opened_at, opened_position)`;

const UPDATE = `
  WITH changed AS (
    UPDATE dispute_vN AS d
       SET grant_ids = d.grant_ids || t.grant_ids::jsonb, status = coalesce(t.status, d.status), closed_at = coalesce(t.closed_at, d.closed_at),
           debt = d.debt + t.debt, position = t.position
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int8[], $7::text[])
           AS t(tenant, dispute_id, grant_ids, status, closed_at, debt, position)
     WHERE d.tenant = t.tenant AND d.dispute_id = t.dispute_id RETURNING 1)
  SELECT projection_expect('dispute', $8, (SELECT count(*) FROM changed))`;

interface Opening {
  fact: StoredFact;
  disputeId: string;
  reference: string | null;
  reason: string;
  openedAt: InstantMs;
}

interface Change {
  tenant: string;
  disputeId: string;
  /** That came under it, in order. */
  grantIds: string[];
  status: 'won' | 'lost' | null;
  closedAt: InstantMs | null;
  debt: number;
  position: Position;
}

class DisputesProjection implements Projection {
  #openings: Opening[] = [];
  #changes = new Map<string, Change>();

  constructor(private readonly version: number) {}

  async load(): Promise<void> {
    // Facts say what changes; nothing has to be looked up.
  }

  fold(facts: readonly StoredFact[]): void {
    for (const fact of facts) if (fact.stream.startsWith('account-')) this.#fold(fact);
  }

  #fold(stored: StoredFact): void {
    const fact = stored as unknown as AccountFact;
    switch (fact.type) {
      case 'DisputeOpened': {
        const { disputeId, reference, reason, grants, decidedAt } = fact.data;
        this.#openings.push({ fact: stored, disputeId, reference, reason, openedAt: fromIso(decidedAt) });
        this.#change(stored, disputeId).grantIds.push(...grants.map((grant) => grant.grantId));
        return;
      }
      case 'DisputeWon':
      case 'DisputeLost': {
        const change = this.#change(stored, fact.data.disputeId);
        change.status = fact.type === 'DisputeWon' ? 'won' : 'lost';
        change.closedAt = fromIso(fact.data.decidedAt);
        return;
      }
      case 'GrantRevoked':
        if (fact.data.disputeId !== undefined && fact.data.disputeId !== null) this.#change(stored, fact.data.disputeId);
        return;
      case 'DebtRecorded':
        if (fact.data.disputeId !== null) this.#change(stored, fact.data.disputeId).debt += fact.data.credits;
        return;
      case 'CreditsConsumed':
      case 'CreditsRefunded':
        // What is reissued from a frozen grant is frozen with it.
        for (const { grant } of fact.data.reissued)
          if (grant.disputeId !== undefined) this.#change(stored, grant.disputeId).grantIds.push(grant.grantId);
        return;
      default:
        return;
    }
  }

  #change({ tenant, position }: StoredFact, disputeId: string): Change {
    const key = `${tenant} ${disputeId}`;
    let change = this.#changes.get(key);
    if (change === undefined) {
      change = { tenant, disputeId, grantIds: [], status: null, closedAt: null, debt: 0, position };
      this.#changes.set(key, change);
    }
    change.position = position;
    return change;
  }

  write(): Statement[] {
    const changes = [...this.#changes.values()];
    if (changes.length === 0) return [];
    const statements: Statement[] = this.#openings.length === 0 ? [] : [this.#insert(this.#openings)];
    const values = [
      textArray(changes.map((change) => change.tenant)),
      textArray(changes.map((change) => change.disputeId)),
      textArray(changes.map((change) => JSON.stringify(change.grantIds))),
      textArray(changes.map((change) => change.status)),
      instantArray(changes.map((change) => change.closedAt)),
      bigintArray(changes.map((change) => change.debt)),
      textArray(changes.map((change) => change.position)),
      changes.length,
    ];
    statements.push({ name: `disputes_v${this.version}_update`, text: versioned(UPDATE, this.version), values });
    return statements;
  }

  #insert(openings: readonly Opening[]): Statement {
    const values = [
      textArray(openings.map(({ fact }) => fact.stream)),
      textArray(openings.map((opening) => opening.disputeId)),
      textArray(openings.map(({ fact }) => fact.tenant)),
      textArray(openings.map(({ fact }) => parseStream(fact.stream).id)),
      textArray(openings.map((opening) => opening.reference)),
      textArray(openings.map((opening) => opening.reason)),
      instantArray(openings.map((opening) => opening.openedAt)),
      textArray(openings.map(({ fact }) => fact.position)),
    ];
    return { name: `disputes_v${this.version}_insert`, text: versioned(INSERT, this.version), values };
  }

  committed(): void {
    this.#openings = [];
    this.#changes = new Map();
  }

  aborted(): void {
    this.committed();
  }
}

export const disputes: ReadModel = {
  name: 'disputes',
  codeVersion: 1,
  relations: ['dispute'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new DisputesProjection(version),
};
