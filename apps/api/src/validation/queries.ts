// 1 HTTP in · the query parameters that every read or list takes, and how they are read.
import type { PageQuery } from '#libs/projections';
import { POSITION_PATTERN } from '#libs/event-store';
import { invalid } from '../problems/problem.js';
import { parseInstantOrDay } from './instant.js';
import { OneOf, Optional, Pattern, Satisfies } from './rules.js';

const LIMIT = /^[1-9]\d{0,2}$/;
const LIMIT_MAX = 200;
const LIMIT_DEFAULT = 50;

export class ReadinessQueryDto {
  /** Names of parts, separated by commas. */
  @Optional()
  @Pattern(/^[A-Za-z0-9:_-]{1,64}(,[A-Za-z0-9:_-]{1,64}){0,31}$/, 'names of parts, separated by commas')
  parts?: string;
}

export class ReadQueryDto {
  /** Wait until the read models have reached this position. */
  @Optional()
  @Pattern(POSITION_PATTERN, 'a position that a write has answered')
  atLeast?: string;
}

export class ReceiptQueryDto extends ReadQueryDto {
  /** Answer the receipt with the leaves and paths that prove it. */
  @Optional()
  @OneOf(['true', 'false'])
  proof?: string;
}

export class ListQueryDto extends ReadQueryDto {
  @Optional()
  @Satisfies(
    'limit',
    { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT },
    `must be a whole number from 1 to ${LIMIT_MAX}`,
    (value) => typeof value === 'string' && LIMIT.test(value) && Number(value) <= LIMIT_MAX,
  )
  limit?: string;

  @Optional()
  @Pattern(/^[A-Za-z0-9_=.-]{1,500}$/, 'the `nextCursor` of the page before')
  cursor?: string;
}

export function pageOf(query: ListQueryDto): PageQuery {
  return { limit: query.limit === undefined ? LIMIT_DEFAULT : Number(query.limit), cursor: query.cursor ?? null };
}

/** Half-open; both were found to be instants by their rules. */
export function rangeOf(query: { from?: string; to?: string }): { from?: number; to?: number } {
  const from = query.from === undefined ? undefined : (parseInstantOrDay(query.from) as number);
  const to = query.to === undefined ? undefined : (parseInstantOrDay(query.to) as number);
  if (from !== undefined && to !== undefined && from > to) throw invalid([{ pointer: '/from', detail: 'must not be after `to`' }]);
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

/** Pages a list that is held in memory, by its ids. */
export function pageById<Row extends { id: string }>(rows: readonly Row[], page: PageQuery): { data: Row[]; nextCursor: string | null } {
  const after = page.cursor === null ? null : readIdCursor(page.cursor);
  const sorted = [...rows].sort((a, b) => (a.id < b.id ? -1 : 1)).filter((row) => after === null || row.id > after);
  const data = sorted.slice(0, page.limit);
  const last = data.at(-1);
  return { data, nextCursor: sorted.length > page.limit && last ? idCursor(last.id) : null };
}

const CURSOR_MARK = 'id:';

export function idCursor(id: string): string {
  return Buffer.from(CURSOR_MARK + id).toString('base64url');
}

export function readIdCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!text.startsWith(CURSOR_MARK) || idCursor(text.slice(CURSOR_MARK.length)) !== cursor || text.includes('\0')) {
    throw invalid([{ pointer: '/cursor', detail: 'is not a cursor of this list' }]);
  }
  return text.slice(CURSOR_MARK.length);
}
