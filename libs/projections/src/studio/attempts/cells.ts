// 4 project · what one attempt adds to the cells, and the statements that take what it added before out of them and put in what it adds now; called by project.ts.
import type { InstantMs } from '#libs/kernel';
import { DAY_MS, dayOf } from '#libs/finance';
import { intArray, textArray } from '../../engine/binary-arrays.js';
import { type Statement, versioned } from '../../engine/read-model.port.js';
import type { Attempt } from './attempt-row.js';
import type { Contribution } from './contribution.js';

/** Null for an attempt that counts nowhere. */
export function contributionOf(attempt: Attempt): Contribution | null {
  if (attempt.state === null) return null;
  const { reviewMinutes, brandReviewMinutes, editingMinutes, creditsUsed, unpricedCredits } = attempt;
  return {
    accountId: attempt.accountId ?? '',
    briefId: attempt.briefId,
    model: attempt.model,
    promptVersion: attempt.promptVersionId ?? '',
    day: dayOf(attempt.createdAt),
    week: dayOf(mondayOf(attempt.createdAt)),
    state: attempt.state,
    reasons: joined(attempt.reasons),
    sums: [reviewMinutes, brandReviewMinutes, editingMinutes, creditsUsed, unpricedCredits],
    money: [
      ...Object.entries(attempt.ledgerCost).map(([currency, amount]) => ['ledger', currency, amount] as const),
      ...Object.entries(attempt.providerCost).map(([currency, amount]) => ['provider', currency, amount] as const),
    ],
  };
}

const WEEK_MS = 7 * DAY_MS;
/** The first Monday of Unix time. */
export const MONDAY_MS = 4 * DAY_MS;

function mondayOf(instant: InstantMs): InstantMs {
  return Math.floor((instant - MONDAY_MS) / WEEK_MS) * WEEK_MS + MONDAY_MS;
}

export function joined(reasons: readonly string[]): string {
  return reasons.length < 2 ? (reasons[0] ?? '') : [...new Set(reasons)].sort().join(',');
}

export function isSame(a: Contribution | null, b: Contribution | null): boolean {
  return a === null || b === null ? a === b : JSON.stringify(a) === JSON.stringify(b);
}

/** Minus once what was counted, plus once what is to be. */
export interface Change {
  sign: 1 | -1;
  of: Contribution;
}

const KEY = ['tenant', 'grain', 'brief_id', 'starts_on', 'account_id', 'model', 'prompt_version', 'state', 'reasons'] as const;
const SUMS = ['review_minutes', 'brand_review_minutes', 'editing_minutes', 'credits_used', 'unpriced_credits'] as const;

const CHANGED = ['tenant', 'brief_id', 'day', 'week', 'account_id', 'model', 'prompt_version', 'state', 'reasons'] as const;

/** What a batch changes of the finest cells: most of its attempts have theirs in common, and each number is read once. */
function changedCells(
  more: ReadonlyArray<readonly [column: string, type: string]>,
  added: readonly string[],
  sums: readonly string[],
): string {
  const columns = [...CHANGED.map((column) => [column, 'text'] as const), ...more];
  const parameters = columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ');
  const key = [...CHANGED.map((column) => (column === 'day' || column === 'week' ? `${column}::date` : column)), ...added];
  return `
  WITH t AS MATERIALIZED (
    SELECT ${[...key, ...sums].join(', ')} FROM unnest(${parameters}) AS t(${columns.map(([column]) => column).join(', ')})
     GROUP BY ${key.map((_, index) => index + 1).join(', ')})`;
}

/** One row of a change becomes one of each grain. */
const GRAINED = `
  t CROSS JOIN LATERAL (VALUES
    ('d', t.brief_id, t.day, t.account_id, t.model, t.prompt_version), ('w', '', t.week, '', '', ''), ('b', t.brief_id, t.week, '', '', ''),
    ('m', '', t.week, '', t.model, ''), ('p', '', t.week, '', '', t.prompt_version), ('j', t.brief_id, t.week, '', t.model, t.prompt_version)
  ) AS g(grain, brief_id, starts_on, account_id, model, prompt_version)`;
const GRAINED_KEY = 't.tenant, g.grain, g.brief_id, g.starts_on, g.account_id, g.model, g.prompt_version, t.state, t.reasons';

const ADD_CELLS = `${changedCells(
  [['sign', 'int'], ...SUMS.map((column) => [column, 'text'] as const)],
  [],
  ['sum(sign) AS generations', ...SUMS.map((column) => `sum(sign * ${column}::numeric) AS ${column}`)],
)}
  INSERT INTO attempt_cell_vN AS o (${[...KEY, 'generations', ...SUMS].join(', ')})
  SELECT ${GRAINED_KEY}, sum(t.generations), ${SUMS.map((column) => `sum(t.${column})`).join(', ')} FROM ${GRAINED} GROUP BY ${GRAINED_KEY}
  ON CONFLICT (${KEY.join(', ')}) DO UPDATE
    SET generations = o.generations + excluded.generations, ${SUMS.map((column) => `${column} = o.${column} + excluded.${column}`).join(', ')}`;

const MONEY = [
  ['sign', 'int'],
  ['source', 'text'],
  ['currency', 'text'],
  ['amount', 'text'],
] as const;
const ADD_MONEY = `${changedCells(MONEY, ['source', 'currency'], ['sum(sign) AS attempts', 'sum(sign * amount::numeric) AS amount'])}
  INSERT INTO attempt_cell_money_vN AS o (${KEY.join(', ')}, source, currency, attempts, amount)
  SELECT ${GRAINED_KEY}, t.source, t.currency, sum(t.attempts), sum(t.amount) FROM ${GRAINED} GROUP BY ${GRAINED_KEY}, t.source, t.currency
  ON CONFLICT (${KEY.join(', ')}, source, currency) DO UPDATE
    SET attempts = o.attempts + excluded.attempts, amount = o.amount + excluded.amount`;

/** A cell that every attempt has left, with its money. */
const DROP_CELLS = `${changedCells([], [], [])}
  DELETE FROM attempt_cell_vN AS o USING (SELECT DISTINCT ${GRAINED_KEY} FROM ${GRAINED}) AS k
   WHERE ${KEY.map((column) => `o.${column} = k.${column}`).join(' AND ')} AND o.generations = 0`;
const DROP_MONEY = `${changedCells([], [], [])}
  DELETE FROM attempt_cell_money_vN AS o USING (SELECT DISTINCT ${GRAINED_KEY} FROM ${GRAINED}) AS k
   WHERE ${KEY.map((column) => `o.${column} = k.${column}`).join(' AND ')} AND o.attempts = 0`;

/** `changed` in any order: they are summed. */
export function writeCells(version: number, changed: ReadonlyArray<Change & { tenant: string }>): Statement[] {
  if (changed.length === 0) return [];
  const statement = (name: string, text: string, values: unknown[]): Statement => ({
    name: `attempts_v${version}_${name}`,
    text: versioned(text, version),
    values,
  });
  const sums = SUMS.map((_, index) => textArray(changed.map(({ of }) => of.sums[index] as string)));
  const statements = [statement('add_cells', ADD_CELLS, [...keysOf(changed), intArray(changed.map(({ sign }) => sign)), ...sums])];
  const money = changed.flatMap((change) => change.of.money.map((part) => ({ ...change, part })));
  if (money.length > 0)
    statements.push(
      statement('add_money', ADD_MONEY, [
        ...keysOf(money),
        intArray(money.map(({ sign }) => sign)),
        textArray(money.map(({ part }) => part[0])),
        textArray(money.map(({ part }) => part[1])),
        textArray(money.map(({ part }) => part[2])),
      ]),
    );
  const left = changed.filter(({ sign }) => sign < 0);
  if (left.length > 0) statements.push(statement('drop_cells', DROP_CELLS, keysOf(left)));
  if (left.some(({ of }) => of.money.length > 0)) statements.push(statement('drop_money', DROP_MONEY, keysOf(left)));
  return statements;
}

function keysOf(changed: ReadonlyArray<Change & { tenant: string }>): unknown[] {
  return [
    textArray(changed.map(({ tenant }) => tenant)),
    textArray(changed.map(({ of }) => of.briefId)),
    textArray(changed.map(({ of }) => of.day)),
    textArray(changed.map(({ of }) => of.week)),
    textArray(changed.map(({ of }) => of.accountId)),
    textArray(changed.map(({ of }) => of.model)),
    textArray(changed.map(({ of }) => of.promptVersion)),
    textArray(changed.map(({ of }) => of.state)),
    textArray(changed.map(({ of }) => of.reasons)),
  ];
}
