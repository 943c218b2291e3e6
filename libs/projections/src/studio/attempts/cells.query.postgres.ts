// query · cells of a report: whole weeks and days from the cells that are kept, the days that `from` or `to` cut from attempts; called by studio-reads.postgres.ts.
import type pg from 'pg';
import { type InstantMs, toIso } from '#libs/kernel';
import { DAY_MS, dayOf } from '#libs/finance';
import type { AttemptCell, AttemptFilter, AttemptState, RejectionReason, ReportGroup, StudioVisibility } from '#libs/studio';
import { Conditions } from '../../conditions.js';
import { inSnapshot } from '../../journal/snapshot.postgres.js';
import { MONDAY_MS } from './cells.js';
import { plain } from './clips.query.postgres.js';

/** The columns that a group may be told apart by; those of a brief are the brief's, joined at read. */
const GROUP_COLUMNS: Readonly<Record<ReportGroup, string | null>> = {
  brief: 'c.brief_id',
  campaign: 'b.campaign',
  channel: 'b.channel',
  format: 'b.format',
  model: 'c.model',
  promptVersion: 'c.prompt_version',
  rejectionReason: null,
  week: null,
};
const GROUP_MEMBERS = {
  brief: 'briefId',
  campaign: 'campaign',
  channel: 'channel',
  format: 'format',
  model: 'model',
  promptVersion: 'promptVersion',
} as const satisfies Partial<Record<ReportGroup, keyof AttemptCell>>;

type Dimension = 'brief' | 'model' | 'promptVersion';
type Grain = 'w' | 'b' | 'm' | 'p' | 'j';

const SUMS = ['generations', 'review_minutes', 'brand_review_minutes', 'editing_minutes', 'credits_used', 'unpriced_credits'] as const;

interface CellRow {
  group_key: string | null;
  week: string;
  state: AttemptState;
  reasons: string;
  generations: string;
  review_minutes: string;
  brand_review_minutes: string;
  editing_minutes: string;
  credits_used: string;
  unpriced_credits: string;
}

interface MoneyRow {
  group_key: string | null;
  week: string;
  state: string;
  reasons: string;
  source: 'ledger' | 'provider';
  currency: string;
  amount: string;
}

export async function attemptCells(
  pool: pg.Pool,
  who: StudioVisibility,
  filter: AttemptFilter,
  groupBy: ReportGroup | null,
): Promise<AttemptCell[]> {
  if (isEmpty(filter) || who.accounts?.length === 0) return [];
  const query = { who, filter, groupBy };
  return inSnapshot(pool, [], async ({ client }) => {
    const cells = cellsQuery(query);
    const money = moneyQuery(query);
    // What is summed is unlike what statistics of days and tenants suggest; compiling costs more than it saves.
    await client.query('SET LOCAL jit = off');
    const figures = (await client.query<CellRow>(cells.text, cells.values)).rows;
    const costs = (await client.query<MoneyRow>(money.text, money.values)).rows;
    return assembled(figures, costs, query);
  });
}

function isEmpty({ from, to }: AttemptFilter): boolean {
  return from !== undefined && to !== undefined && from >= to;
}

interface Query {
  who: StudioVisibility;
  filter: AttemptFilter;
  groupBy: ReportGroup | null;
}

function cellsQuery(query: Query): { text: string; values: unknown[] } {
  const where = new Conditions();
  const kept = (piece: Piece): string => `
    SELECT brief_id, model, prompt_version, ${piece.week} AS week, state, reasons, ${SUMS.join(', ')} FROM attempt_cell WHERE ${piece.where}`;
  const cut = (piece: Piece): string => `
    SELECT brief_id, model, prompt_version, ${piece.week} AS week, state, reasons, 1::bigint AS generations, ${SUMS.slice(1).join(', ')}
      FROM attempt WHERE ${piece.where}`;
  const key = groupOf(query.groupBy);
  const text = `
    SELECT ${key} AS group_key, to_char(c.week, 'IYYY-"W"IW') AS week, c.state, c.reasons,
           ${SUMS.map((column) => `trim_scale(sum(c.${column}))::text AS ${column}`).join(', ')}
      FROM (${piecesOf(query, where, kept, cut)}) AS c ${briefsOf(query, where)}
     GROUP BY ${key === 'NULL::text' ? '' : `${key}, `}c.week, c.state, c.reasons`;
  return { text, values: where.values };
}

function moneyQuery(query: Query): { text: string; values: unknown[] } {
  const where = new Conditions();
  const columns = 'brief_id, model, prompt_version';
  const kept = (piece: Piece): string => `
    SELECT ${columns}, ${piece.week} AS week, state, reasons, source, currency, amount FROM attempt_cell_money WHERE ${piece.where}`;
  const cut = (piece: Piece): string => `
    SELECT ${columns}, ${piece.week} AS week, state, reasons, m.source, m.currency, m.amount::numeric
      FROM attempt
      CROSS JOIN LATERAL (SELECT 'ledger' AS source, key AS currency, value AS amount FROM jsonb_each_text(ledger_cost::jsonb)
                          UNION ALL SELECT 'provider', key, value FROM jsonb_each_text(provider_cost::jsonb)) AS m
     WHERE ${piece.where}`;
  const key = groupOf(query.groupBy);
  const text = `
    SELECT ${key} AS group_key, to_char(c.week, 'IYYY-"W"IW') AS week, c.state, c.reasons, c.source, c.currency,
           trim_scale(sum(c.amount))::text AS amount
      FROM (${piecesOf(query, where, kept, cut)}) AS c ${briefsOf(query, where)}
     GROUP BY ${key === 'NULL::text' ? '' : `${key}, `}c.week, c.state, c.reasons, c.source, c.currency`;
  return { text, values: where.values };
}

function groupOf(groupBy: ReportGroup | null): string {
  return (groupBy === null ? null : GROUP_COLUMNS[groupBy]) ?? 'NULL::text';
}

/** The briefs' own words, where the report asks for them. An attempt of a brief that is not known has none. */
function briefsOf({ who, filter, groupBy }: Query, where: Conditions): string {
  const named = (['campaign', 'channel', 'format'] as const).flatMap((column) => {
    const value = filter[column];
    return value === undefined ? [] : [`b.${column} = ${where.param(plain(value))}`];
  });
  if (named.length === 0 && groupBy !== 'campaign' && groupBy !== 'channel' && groupBy !== 'format') return '';
  const on = `b.tenant = ${where.param(who.tenant)} AND b.brief_id = c.brief_id`;
  return named.length === 0 ? `LEFT JOIN brief AS b ON ${on}` : `JOIN brief AS b ON ${on} WHERE ${named.join(' AND ')}`;
}

/** One source of a report, and its part of the time. */
interface Piece {
  week: string;
  where: string;
}

function piecesOf(query: Query, where: Conditions, kept: (piece: Piece) => string, cut: (piece: Piece) => string): string {
  const { who, filter } = query;
  const of = (conditions: string[]): string => [...conditions, ...slicesOf(filter, where)].join(' AND ');
  const tenant = `tenant = ${where.param(who.tenant)}`;
  const accounts = who.accounts === null ? [] : [`account_id = ANY(${where.param(who.accounts.filter((id) => id !== ''))}::text[])`];
  const grain = who.accounts === null ? grainOf(query) : null;
  return rangesOf(filter, grain !== null)
    .map(({ kind, from, to }) => {
      if (kind === 'attempts') {
        const range = between('created_at', from === null ? null : toIso(from), to === null ? null : toIso(to), 'timestamptz', where);
        return cut({
          week: `date_trunc('week', created_at AT TIME ZONE 'UTC')::date`,
          where: of([tenant, ...accounts, `state <> ''`, ...range]),
        });
      }
      const range = between('starts_on', from === null ? null : dayOf(from), to === null ? null : dayOf(to), 'date', where);
      return kind === 'weeks'
        ? kept({ week: 'starts_on', where: of([tenant, `grain = '${grain as Grain}'`, ...range]) })
        : kept({ week: `date_trunc('week', starts_on)::date`, where: of([tenant, `grain = 'd'`, ...accounts, ...range]) });
    })
    .join(' UNION ALL ');
}

function between(column: string, from: string | null, to: string | null, type: string, where: Conditions): string[] {
  const range: string[] = [];
  if (from !== null) range.push(`${column} >= ${where.param(from)}::${type}`);
  if (to !== null) range.push(`${column} < ${where.param(to)}::${type}`);
  return range;
}

function slicesOf(filter: AttemptFilter, where: Conditions): string[] {
  const slices: string[] = [];
  if (filter.briefId !== undefined) slices.push(`brief_id = ${where.param(plain(filter.briefId))}`);
  if (filter.model !== undefined) slices.push(`model = ${where.param(plain(filter.model))}`);
  if (filter.promptVersion !== undefined) slices.push(promptVersionIs(filter.promptVersion, where));
  return slices;
}

/** `<prompt id>@v<n>` names one; `v<n>` that of any prompt. */
export function promptVersionIs(named: string, where: Conditions): string {
  const text = plain(named);
  if (text.includes('@')) return `prompt_version = ${where.param(text)}`;
  const ending = where.param(`@${text}`);
  return `right(prompt_version, length(${ending}::text)) = ${ending}::text`;
}

/** The coarsest kept cells that tell apart all that is asked for. */
function grainOf({ filter, groupBy }: Query): Grain {
  const needed = new Set<Dimension>();
  if ([filter.briefId, filter.campaign, filter.channel, filter.format].some((value) => value !== undefined)) needed.add('brief');
  if (filter.model !== undefined) needed.add('model');
  if (filter.promptVersion !== undefined) needed.add('promptVersion');
  if (groupBy === 'model' || groupBy === 'promptVersion') needed.add(groupBy);
  else if (groupBy !== null && GROUP_COLUMNS[groupBy] !== null) needed.add('brief');
  if (needed.size > 1) return 'j';
  const [only] = needed;
  return only === undefined ? 'w' : only === 'brief' ? 'b' : only === 'model' ? 'm' : 'p';
}

export interface Range {
  kind: 'weeks' | 'days' | 'attempts';
  /** Inclusive; null: from the beginning. */
  from: InstantMs | null;
  /** Exclusive. */
  to: InstantMs | null;
}

const WEEK_MS = 7 * DAY_MS;

/** How a range is put together: whole weeks where they are kept, whole days, and what is left at both ends. */
export function rangesOf({ from, to }: Pick<AttemptFilter, 'from' | 'to'>, hasWeeks: boolean): Range[] {
  const firstDay = from === undefined ? null : ceiling(from, DAY_MS, 0);
  const lastDay = to === undefined ? null : floor(to, DAY_MS, 0);
  if (firstDay !== null && lastDay !== null && firstDay > lastDay) return [{ kind: 'attempts', from: from ?? null, to: to ?? null }];
  const ranges: Range[] = [];
  if (from !== undefined && firstDay !== null && from < firstDay) ranges.push({ kind: 'attempts', from, to: firstDay });
  ranges.push(...wholeDays(firstDay, lastDay, hasWeeks));
  if (to !== undefined && lastDay !== null && lastDay < to) ranges.push({ kind: 'attempts', from: lastDay, to });
  return ranges.length === 0 ? [{ kind: 'days', from: firstDay, to: lastDay }] : ranges;
}

function wholeDays(firstDay: InstantMs | null, lastDay: InstantMs | null, hasWeeks: boolean): Range[] {
  const firstWeek = firstDay === null ? null : ceiling(firstDay, WEEK_MS, MONDAY_MS);
  const lastWeek = lastDay === null ? null : floor(lastDay, WEEK_MS, MONDAY_MS);
  const days = (from: InstantMs | null, to: InstantMs | null): Range[] =>
    from !== null && to !== null && from >= to ? [] : [{ kind: 'days', from, to }];
  if (!hasWeeks || (firstWeek !== null && lastWeek !== null && firstWeek >= lastWeek)) return days(firstDay, lastDay);
  return [
    ...(firstWeek === null ? [] : days(firstDay, firstWeek)),
    { kind: 'weeks', from: firstWeek, to: lastWeek },
    ...(lastWeek === null ? [] : days(lastWeek, lastDay)),
  ];
}

function floor(instant: InstantMs, unitMs: number, originMs: number): InstantMs {
  return Math.floor((instant - originMs) / unitMs) * unitMs + originMs;
}

function ceiling(instant: InstantMs, unitMs: number, originMs: number): InstantMs {
  return Math.ceil((instant - originMs) / unitMs) * unitMs + originMs;
}

function assembled(figures: readonly CellRow[], costs: readonly MoneyRow[], { filter, groupBy }: Query): AttemptCell[] {
  const member = groupBy === null || groupBy === 'rejectionReason' || groupBy === 'week' ? null : GROUP_MEMBERS[groupBy];
  const money = new Map<string, { ledgerCost: Record<string, string>; providerCost: Record<string, string> }>();
  for (const row of costs) {
    let sums = money.get(keyOf(row));
    if (sums === undefined) money.set(keyOf(row), (sums = { ledgerCost: {}, providerCost: {} }));
    sums[row.source === 'ledger' ? 'ledgerCost' : 'providerCost'][row.currency] = row.amount;
  }
  const { briefId = null, campaign = null, channel = null, format = null, model = null, promptVersion } = filter;
  // What the filter names, all cells share; `v2` alone names several.
  const filtered = {
    briefId,
    campaign,
    channel,
    format,
    model,
    promptVersion: promptVersion?.includes('@') === true ? promptVersion : null,
  };
  return figures.map((row) => ({
    ...filtered,
    ...(member === null ? {} : { [member]: row.group_key }),
    week: row.week,
    state: row.state,
    reasons: row.reasons === '' ? [] : (row.reasons.split(',') as RejectionReason[]),
    generations: Number(row.generations),
    reviewMinutes: row.review_minutes,
    brandReviewMinutes: row.brand_review_minutes,
    editingMinutes: row.editing_minutes,
    creditsUsed: row.credits_used,
    unpricedCredits: row.unpriced_credits,
    ...(money.get(keyOf(row)) ?? { ledgerCost: {}, providerCost: {} }),
  }));
}

function keyOf({ group_key: key, week, state, reasons }: Pick<CellRow, 'group_key' | 'week' | 'reasons'> & { state: string }): string {
  return `${week} ${state} ${reasons} ${key === null ? '' : `=${key}`}`;
}
