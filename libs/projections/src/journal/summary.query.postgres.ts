// query · the summary of a range, as a whole and by group; every row is held against the balances by #libs/finance before it is shown.
import type pg from 'pg';
import { BUCKETS } from '#libs/ledger';
import { toIso } from '#libs/kernel';
import {
  addSums,
  creditRow,
  creditRows,
  DAY_MS,
  dayOf,
  debtRow,
  isMonth,
  modelRows,
  moneyRows,
  monthRange,
  type Books,
  type CreditSums,
  type ListPage,
  type MoneySums,
  type Range,
  type SummaryFigures,
  type SummaryGroup,
  type SummaryGrouping,
} from '#libs/finance';
import { decodeCursor, encodeCursor } from '../cursor.js';
import { InvalidCursor } from '../read-models.port.js';
import { accountsFrom, daysFrom } from './group-keys.postgres.js';
import { sumFigures, type SumKey, type Sums } from './sums.postgres.js';

/** Everything before the range; nothing where it has no beginning. */
function before(range: Range): Range {
  return range.from === undefined ? { from: 0, to: 0 } : { to: range.from };
}

export async function summaryOf(client: pg.ClientBase, books: Books, range: Range): Promise<SummaryFigures> {
  const opening = await sumFigures(client, { books, range: before(range), key: 'none' });
  const changes = await sumFigures(client, { books, range, key: 'model' });
  const opened = flattened(opening.credits);
  const moved = flattened(changes.credits);
  return {
    from: range.from === undefined ? null : toIso(range.from),
    to: range.to === undefined ? null : toIso(range.to),
    checked: true,
    credits: creditRows(opened, moved),
    debt: debtRow(total(opened), total(moved)),
    money: moneyRows(flattened(opening.money), flattened(changes.money)),
    models: modelRows(byKey(changes.credits), changes.money),
  };
}

/** key → inner → sums, as inner → sums. */
function flattened<Sum extends CreditSums | MoneySums>(sums: ReadonlyMap<string, ReadonlyMap<string, Sum>>): Map<string, Sum> {
  const flat = new Map<string, Sum>();
  for (const inner of sums.values()) {
    for (const [name, figures] of inner) {
      const into = flat.get(name) ?? ({} as Sum);
      addSums<string>(into, figures);
      flat.set(name, into);
    }
  }
  return flat;
}

function total(sums: ReadonlyMap<string, CreditSums>): CreditSums {
  const all: CreditSums = {};
  for (const figures of sums.values()) addSums(all, figures);
  return all;
}

function byKey(sums: ReadonlyMap<string, ReadonlyMap<string, CreditSums>>): Map<string, CreditSums> {
  return new Map([...sums].map(([key, inner]) => [key, total(inner)]));
}

export interface Groups {
  groups: SummaryGroup[];
  nextCursor: string | null;
}

export async function groupsOf(client: pg.ClientBase, books: Books, range: Range, by: SummaryGrouping, page: ListPage): Promise<Groups> {
  const list = `summary:${by}`;
  const after = page.cursor === null ? null : (decodeCursor(list, page.cursor, ['string'])[0] as string);
  if (after !== null && !isKeyOf(by, after)) throw new InvalidCursor('the cursor cannot be read');
  const { groups, more } = await pageOfGroups(client, books, range, by, after, page.limit);
  const last = groups.at(-1);
  return { groups, nextCursor: more && last !== undefined ? encodeCursor(list, [last.key]) : null };
}

/** Days and months are compared as dates; other keys are only texts. */
function isKeyOf(by: SummaryGrouping, key: string): boolean {
  if (by === 'month') return isMonth(key);
  return by !== 'day' || (/^\d{4}-\d{2}-\d{2}$/.test(key) && !Number.isNaN(Date.parse(key)) && dayOf(Date.parse(key)) === key);
}

interface GroupPage {
  groups: SummaryGroup[];
  more: boolean;
}

async function pageOfGroups(
  client: pg.ClientBase,
  books: Books,
  range: Range,
  by: SummaryGrouping,
  after: string | null,
  limit: number,
): Promise<GroupPage> {
  switch (by) {
    case 'day':
    case 'month':
      return timeGroups(client, books, range, by, after, limit);
    case 'account': {
      const keys = await accountsFrom(client, books, range, after, limit + 1);
      const accounts = keys.slice(0, limit);
      const opening = await sumFigures(client, { books, range: before(range), key: by, accounts });
      const changes = await sumFigures(client, { books, range, key: by, accounts });
      return { groups: accounts.map((key) => groupOf(key, opening, changes)), more: keys.length > limit };
    }
    case 'model':
    case 'plan': {
      const opening = by === 'model' ? null : await sumFigures(client, { books, range: before(range), key: by });
      const changes = await sumFigures(client, { books, range, key: by });
      const keys = new Set([
        ...(opening?.credits.keys() ?? []),
        ...(opening?.money.keys() ?? []),
        ...changes.credits.keys(),
        ...changes.money.keys(),
      ]);
      return paged([...keys].sort(), after, limit, (key) => groupOf(key, opening, changes));
    }
    case 'bucket': {
      const opening = await sumFigures(client, { books, range: before(range), key: 'none' });
      const changes = await sumFigures(client, { books, range, key: 'none' });
      return paged([...BUCKETS].sort(), after, limit, (key) => bucketGroup(key, opening, changes));
    }
  }
}

function paged(keys: readonly string[], after: string | null, limit: number, group: (key: string) => SummaryGroup): GroupPage {
  const left = keys.filter((key) => key !== '' && (after === null || key > after));
  return { groups: left.slice(0, limit).map(group), more: left.length > limit };
}

function groupOf(key: string, opening: Sums | null, changes: Sums): SummaryGroup {
  return {
    key,
    credits: creditRows(opening === null ? null : (opening.credits.get(key) ?? new Map()), changes.credits.get(key) ?? new Map()),
    money: moneyRows(opening === null ? null : (opening.money.get(key) ?? new Map()), changes.money.get(key) ?? new Map()),
  };
}

function bucketGroup(key: string, opening: Sums, changes: Sums): SummaryGroup {
  const bucket = key as (typeof BUCKETS)[number];
  const row = creditRow(bucket, opening.credits.get('')?.get(key) ?? {}, changes.credits.get('')?.get(key) ?? {});
  return {
    key,
    credits: [row, { ...row, bucket: 'all' }],
    money: moneyRows(opening.moneyByBucket.get('')?.get(key) ?? new Map(), changes.moneyByBucket.get('')?.get(key) ?? new Map()),
  };
}

/** Days and months that anything took effect in; what one closes with is what the next opens with. */
async function timeGroups(
  client: pg.ClientBase,
  books: Books,
  range: Range,
  by: 'day' | 'month',
  after: string | null,
  limit: number,
): Promise<GroupPage> {
  const keys = await daysFrom(client, books, range, by, after, limit + 1);
  const shown = keys.slice(0, limit);
  const [first, last] = [shown[0], shown.at(-1)];
  if (first === undefined || last === undefined) return { groups: [], more: false };
  const from = Math.max(range.from ?? -Infinity, spanOf(first, by).from);
  const to = Math.min(range.to ?? Infinity, spanOf(last, by).to);
  const changes = await sumFigures(client, { books, range: { from, to }, key: by satisfies SumKey });
  const opened = await sumFigures(client, { books, range: { to: from }, key: 'none' });
  const credits = opened.credits.get('') ?? new Map<string, CreditSums>();
  const money = opened.money.get('') ?? new Map<string, MoneySums>();
  const groups = shown.map((key) => {
    const opening: Sums = {
      credits: new Map([[key, credits]]),
      money: new Map([[key, money]]),
      moneyByBucket: new Map(),
    };
    const group = groupOf(key, opening, changes);
    carry(credits, changes.credits.get(key));
    carry(money, changes.money.get(key));
    return group;
  });
  return { groups, more: keys.length > limit };
}

function spanOf(key: string, by: 'day' | 'month'): { from: number; to: number } {
  if (by === 'month') return monthRange(key);
  const from = Date.parse(key);
  return { from, to: from + DAY_MS };
}

function carry<Sum extends CreditSums | MoneySums>(into: Map<string, Sum>, changes: ReadonlyMap<string, Sum> | undefined): void {
  for (const [name, figures] of changes ?? []) {
    const sums = into.get(name) ?? ({} as Sum);
    addSums<string>(sums, figures);
    into.set(name, sums);
  }
}
