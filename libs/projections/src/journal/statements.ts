// 4 project · the journal's rows as statements of a batch's transaction; called by project.ts.
import { LRUCache } from 'lru-cache';
import { dayOf, type Flow, type Posting } from '#libs/finance';
import { bigintArray, instantArray, intArray, textArray } from '../engine/binary-arrays.js';
import { versioned, type Statement } from '../engine/read-model.port.js';
import { CREDIT_COLUMNS, MONEY_COLUMNS } from './columns.js';
import type { PlanChange } from './plans.js';
import type { HoldRow, JournalBatch, PostingRow } from './batch.js';
import type { Total } from './totals.js';

const INSERT_POSTINGS = `
  INSERT INTO journal_posting_vN (tenant, recorded_at, position, ordinal, effective_at, original_effective_at, account, commodity, amount, event_id,
                                  event_type, account_id, bucket, grant_id, task_id, model, provider, plan, figures, shares)
  SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[], $9::int8[],
                       $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
                       $20::text[])`;

const INSERT_ACCOUNTS = `
  INSERT INTO journal_account_vN (tenant, account, account_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING`;
const INSERT_COMMODITIES = `
  INSERT INTO journal_commodity_vN (tenant, commodity) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`;

const INSERT_HOLDS = `
  INSERT INTO journal_hold_vN (tenant, reservation_id, account_id, held_at, credits, cost)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::int8[], $6::text[])`;
const DELETE_HOLDS = `
  WITH ended AS (
    DELETE FROM journal_hold_vN AS h USING unnest($1::text[], $2::text[]) AS t(tenant, reservation_id)
     WHERE h.tenant = t.tenant AND h.reservation_id = t.reservation_id RETURNING 1)
  SELECT projection_expect('journal_hold', $3, (SELECT count(*) FROM ended))`;

const INSERT_PLANS = `
  INSERT INTO journal_plan_vN (stream, since, plan) SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[])
  ON CONFLICT (stream, since) DO UPDATE SET plan = excluded.plan`;

const DIMENSIONS = ['tenant', 'account_id', 'grain', 'starts_on', 'plan', 'bucket', 'model'] as const;
const ADDITIONS = {
  credits: (type: SumType) => addition('journal_credit_vN', DIMENSIONS, CREDIT_COLUMNS, type),
  money: (type: SumType) => addition('journal_money_vN', [...DIMENSIONS, 'currency'], MONEY_COLUMNS, type),
};

/** Sums have no largest value; those of a batch nearly always fit, and travel as text where they do not. */
type SumType = 'int8' | 'text';

/** Adds to the totals that are there and makes those that are not. */
function addition(table: string, key: readonly string[], figures: readonly string[], type: SumType): string {
  const types = key.map((column) => (column === 'starts_on' ? 'date' : 'text'));
  const parameters = [
    ...key.map((_, index) => `$${index + 1}::text[]`),
    ...figures.map((_, index) => `$${key.length + index + 1}::${type}[]`),
  ];
  const columns = [...key, ...figures].join(', ');
  const selected = [
    ...key.map((column, index) => `t.${column}::${types[index] as string}`),
    ...figures.map((figure) => `t.${figure}::numeric`),
  ];
  return `
  INSERT INTO ${table} AS o (${columns})
  SELECT ${selected.join(', ')} FROM unnest(${parameters.join(', ')}) AS t(${columns})
  ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${figures.map((figure) => `${figure} = o.${figure} + excluded.${figure}`).join(', ')}`;
}

const NAMES_MAX = 100_000;

export class JournalStatements {
  /** Accounts and commodities that are known to stand there: a name is written once, not once a batch. */
  readonly #written = new LRUCache<string, true>({ max: NAMES_MAX });
  #fresh = new Set<string>();

  constructor(private readonly version: number) {}

  write(batch: JournalBatch, plans: readonly PlanChange[]): Statement[] {
    const statements: Statement[] = [];
    if (batch.postings.length > 0) statements.push(this.#postings(batch.postings), ...this.#names(batch.postings));
    if (batch.totals.credits.size > 0) statements.push(this.#totals('credits', [...batch.totals.credits.values()]));
    if (batch.totals.money.size > 0) statements.push(this.#totals('money', [...batch.totals.money.values()]));
    statements.push(...this.#holds([...batch.holds.values()]));
    if (plans.length > 0) {
      const values = [
        textArray(plans.map(({ stream }) => stream)),
        instantArray(plans.map(({ since }) => since)),
        textArray(plans.map(({ plan }) => plan)),
      ];
      statements.push(this.#statement('insert_plans', INSERT_PLANS, values));
    }
    return statements;
  }

  committed(): void {
    for (const name of this.#fresh) this.#written.set(name, true);
    this.#fresh = new Set();
  }

  aborted(): void {
    this.#fresh = new Set();
  }

  #postings(rows: readonly PostingRow[]): Statement {
    const kept = rows.map(({ posting }) => figuresOf(posting));
    const values = [
      textArray(rows.map(({ fact }) => fact.tenant)),
      instantArray(rows.map(({ fact }) => fact.recordedAt)),
      textArray(rows.map(({ fact }) => fact.position)),
      intArray(rows.map(({ posting }) => posting.index)),
      instantArray(rows.map(({ effectiveAt }) => effectiveAt)),
      instantArray(rows.map(({ originalEffectiveAt }) => originalEffectiveAt)),
      textArray(rows.map(({ posting }) => posting.account)),
      textArray(rows.map(({ posting }) => posting.commodity)),
      bigintArray(rows.map(({ posting }) => posting.amount)),
      textArray(rows.map(({ fact }) => fact.id)),
      textArray(rows.map(({ fact }) => fact.type)),
      textArray(rows.map(({ accountId }) => accountId)),
      textArray(rows.map(({ posting }) => posting.bucket)),
      textArray(rows.map(({ posting }) => posting.grantId)),
      textArray(rows.map(({ posting }) => posting.taskId)),
      textArray(rows.map(({ posting }) => posting.model)),
      textArray(rows.map(({ posting }) => posting.provider)),
      textArray(rows.map(({ plan }) => plan)),
      textArray(kept.map(({ figures }) => figures)),
      textArray(kept.map(({ shares }) => shares)),
    ];
    return this.#statement('insert_postings', INSERT_POSTINGS, values);
  }

  #names(rows: readonly PostingRow[]): Statement[] {
    const accounts = new Map<string, PostingRow>();
    const commodities = new Map<string, PostingRow>();
    for (const row of rows) {
      const { tenant } = row.fact;
      const account = `a ${tenant} ${row.posting.account}`;
      const commodity = `c ${tenant} ${row.posting.commodity}`;
      if (!this.#written.has(account)) accounts.set(account, row);
      if (!this.#written.has(commodity)) commodities.set(commodity, row);
    }
    for (const name of [...accounts.keys(), ...commodities.keys()]) this.#fresh.add(name);
    const statements: Statement[] = [];
    if (accounts.size > 0) {
      const named = [...accounts.values()];
      const values = [
        textArray(named.map(({ fact }) => fact.tenant)),
        textArray(named.map(({ posting }) => posting.account)),
        textArray(named.map((row) => (isOfOne(row) ? row.accountId : null))),
      ];
      statements.push(this.#statement('insert_accounts', INSERT_ACCOUNTS, values));
    }
    if (commodities.size > 0) {
      const named = [...commodities.values()];
      const values = [textArray(named.map(({ fact }) => fact.tenant)), textArray(named.map(({ posting }) => posting.commodity))];
      statements.push(this.#statement('insert_commodities', INSERT_COMMODITIES, values));
    }
    return statements;
  }

  #totals(name: 'credits' | 'money', totals: readonly Total[]): Statement {
    const values = [
      textArray(totals.map(({ tenant }) => tenant)),
      textArray(totals.map(({ accountId }) => accountId)),
      textArray(totals.map(({ grain }) => grain)),
      textArray(totals.map(({ startsAt }) => dayOf(startsAt))),
      textArray(totals.map(({ plan }) => plan)),
      textArray(totals.map(({ bucket }) => bucket)),
      textArray(totals.map(({ model }) => model)),
    ];
    if (name === 'money') values.push(textArray(totals.map(({ commodity }) => commodity)));
    const type = totals.every(({ figures }) => figures.every(isExact)) ? 'int8' : 'text';
    for (let index = 0; index < (totals[0]?.figures.length ?? 0); index += 1) {
      const sums = totals.map(({ figures }) => figures[index] as bigint);
      values.push(type === 'int8' ? bigintArray(sums.map(Number)) : textArray(sums.map(String)));
    }
    return this.#statement(`add_${name}_${type}`, ADDITIONS[name](type), values);
  }

  #holds(holds: ReadonlyArray<HoldRow | { tenant: string; reservationId: string; ended: true }>): Statement[] {
    const opened: HoldRow[] = [];
    const ended: Array<{ tenant: string; reservationId: string }> = [];
    for (const hold of holds) {
      if ('ended' in hold) ended.push(hold);
      else opened.push(hold);
    }
    const statements: Statement[] = [];
    if (ended.length > 0) {
      const values = [
        textArray(ended.map(({ tenant }) => tenant)),
        textArray(ended.map(({ reservationId }) => reservationId)),
        ended.length,
      ];
      statements.push(this.#statement('delete_holds', DELETE_HOLDS, values));
    }
    if (opened.length > 0) {
      const values = [
        textArray(opened.map(({ tenant }) => tenant)),
        textArray(opened.map(({ reservationId }) => reservationId)),
        textArray(opened.map(({ accountId }) => accountId)),
        instantArray(opened.map(({ heldAt }) => heldAt)),
        bigintArray(opened.map(({ credits }) => credits)),
        textArray(opened.map(({ cost }) => JSON.stringify(cost))),
      ];
      statements.push(this.#statement('insert_holds', INSERT_HOLDS, values));
    }
    return statements;
  }

  #statement(name: string, text: string, values: unknown[]): Statement {
    return { name: `journal_v${this.version}_${name}`, text: versioned(text, this.version), values };
  }
}

const EXACT_MAX = BigInt(Number.MAX_SAFE_INTEGER);

function isExact(sum: bigint): boolean {
  return sum <= EXACT_MAX && sum >= -EXACT_MAX;
}

/** Ledger accounts that carry a customer's name are that customer's alone. */
function isOfOne({ posting, accountId }: PostingRow): boolean {
  return accountId !== null && /^(customer|debt|assets:receivable):/.test(posting.account);
}

/** Flows as a row keeps them: names alone where each is the whole amount under the posting's own model, else one by one. */
function figuresOf({ flows, amount, model }: Posting): { figures: string; shares: string | null } {
  if (flows.every((flow) => flow.amount === amount && flow.model === model))
    return { figures: flows.map(({ figure }) => figure).join(' '), shares: null };
  return { figures: '', shares: JSON.stringify(flows.map(({ figure: f, model: m, amount: a }: Flow) => ({ f, m, a }))) };
}
