// query · clips as projected: one, lists newest first, what waits for a human; called by studio-reads.postgres.ts.
import type pg from 'pg';
import { toIso } from '#libs/kernel';
import { type CustomerKeys, tenantStream, type TextSealer } from '#libs/event-store';
import type { ClipFigures, ClipListQuery, ClipView, ReviewState, StudioPage, StudioPageQuery, StudioVisibility } from '#libs/studio';
import { Conditions } from '../../conditions.js';
import { decodeCursor, encodeCursor } from '../../cursor.js';
import { type Clip, figuresOf, viewOfClip } from './clip-view.js';
import { attemptOf } from './rows.js';

interface ShownRow {
  position: string;
  document: string;
}

/** High risk first; a brief that is not known here is none. */
const RISK = `(CASE WHEN b.risk_level = 'high' THEN 0 ELSE 1 END)`;

export class ClipQueries {
  constructor(
    private readonly pool: pg.Pool,
    private readonly keys: CustomerKeys,
  ) {}

  async clip(who: StudioVisibility, clipId: string): Promise<ClipView | null> {
    const row = await this.#one(who, clipId);
    return row === null ? null : ((await this.#views(who.tenant, [row]))[0] as ClipView);
  }

  async figures(who: StudioVisibility, clipId: string): Promise<ClipFigures | null> {
    const row = await this.#one(who, clipId);
    return row === null ? null : figuresOf(attemptOf(row.document));
  }

  /** Newest first. An imported attempt that brought no asset is listed only when it is asked for. */
  async clips(who: StudioVisibility, query: ClipListQuery): Promise<StudioPage<ClipView>> {
    const where = visible(who).require('clip_created_at IS NOT NULL');
    if (query.briefId !== undefined) where.add('brief_id = ?', plain(query.briefId));
    if (query.model !== undefined) where.add('model = ?', plain(query.model));
    if (query.state !== undefined) where.add('state = ?', query.state);
    else where.require(`state <> 'generation_failed'`);
    if (query.cursor !== null) {
      const [createdAtMs, clipId] = decodeCursor('clips', query.cursor, ['integer', 'string']);
      where.require(
        `(clip_created_at, clip_id) < (${where.param(toIso(createdAtMs as number))}::timestamptz, ${where.param(clipId)}::text COLLATE "C")`,
      );
    }
    const limit = where.param(query.limit + 1);
    const { rows } = await this.pool.query<ShownRow & { clip_created_at: Date; clip_id: string }>(
      `SELECT clip_created_at, clip_id, position, document FROM attempt WHERE ${where.toString()}
        ORDER BY clip_created_at DESC, clip_id DESC LIMIT ${limit}`,
      where.values,
    );
    const shown = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? shown.at(-1) : undefined;
    return {
      data: await this.#views(who.tenant, shown),
      nextCursor: last === undefined ? null : encodeCursor('clips', [last.clip_created_at.getTime(), last.clip_id]),
    };
  }

  async reviewQueue(
    who: StudioVisibility,
    query: StudioPageQuery & { briefId?: string; state?: Extract<ReviewState, 'review_pending' | 'brand_review'> },
  ): Promise<StudioPage<ClipView>> {
    const where = visible(who, 'a.').require('a.waiting_since IS NOT NULL');
    if (query.briefId !== undefined) where.add('a.brief_id = ?', plain(query.briefId));
    if (query.state !== undefined) where.add('a.state = ?', query.state);
    if (query.cursor !== null) {
      const [risk, sinceMs, clipId] = decodeCursor('review-queue', query.cursor, ['integer', 'integer', 'string']);
      const key = `${where.param(risk)}::int8, ${where.param(toIso(sinceMs as number))}::timestamptz, ${where.param(clipId)}::text COLLATE "C"`;
      where.require(`(${RISK}, a.waiting_since, a.clip_id) > (${key})`);
    }
    const limit = where.param(query.limit + 1);
    const { rows } = await this.pool.query<ShownRow & { risk: number; waiting_since: Date; clip_id: string }>(
      `SELECT ${RISK} AS risk, a.waiting_since, a.clip_id, a.position, a.document
         FROM attempt AS a LEFT JOIN brief AS b ON b.tenant = a.tenant AND b.brief_id = a.brief_id
        WHERE ${where.toString()} ORDER BY risk, a.waiting_since, a.clip_id LIMIT ${limit}`,
      where.values,
    );
    const shown = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? shown.at(-1) : undefined;
    return {
      data: await this.#views(who.tenant, shown),
      nextCursor: last === undefined ? null : encodeCursor('review-queue', [last.risk, last.waiting_since.getTime(), last.clip_id]),
    };
  }

  async #one(who: StudioVisibility, clipId: string): Promise<ShownRow | null> {
    if (clipId.includes('\0')) return null;
    const { rows } = await this.pool.query<ShownRow & { account_id: string }>({
      name: 'clip',
      text: 'SELECT account_id, position, document FROM attempt WHERE stream = $1 AND clip_created_at IS NOT NULL',
      values: [tenantStream('clip', who.tenant, clipId)],
    });
    const row = rows[0];
    return row === undefined || (who.accounts !== null && !isOneOf(who.accounts, row.account_id)) ? null : row;
  }

  /** In their order; notes opened under their accounts' keys, or the tenant's own. */
  async #views(tenant: string, rows: readonly ShownRow[]): Promise<ClipView[]> {
    const clips = rows.map(({ document, position }) => ({ attempt: attemptOf(document) as Clip, position }));
    const sealed = new Set(
      clips.filter(({ attempt }) => Object.keys(attempt.clip.sealed).length > 0).map(({ attempt }) => attempt.accountId ?? ''),
    );
    const openers = sealed.size === 0 ? new Map<string, TextSealer | null>() : await this.keys.openersFor(tenant, [...sealed]);
    return clips.map(({ attempt, position }) => viewOfClip(attempt, position, openers.get(attempt.accountId ?? '') ?? null));
  }
}

/** A bound key sees nothing that is of no account. */
function isOneOf(accounts: readonly string[], accountId: string): boolean {
  return accountId !== '' && accounts.includes(accountId);
}

/** Of the tenant, and of the accounts that the key may see; '' is none of them. */
export function visible(who: StudioVisibility, prefix = ''): Conditions {
  const where = new Conditions().add(`${prefix}tenant = ?`, who.tenant);
  return who.accounts === null
    ? where
    : where.add(
        `${prefix}account_id = ANY(?)`,
        [...who.accounts].filter((id) => id !== ''),
      );
}

/** PostgreSQL has no NUL in texts, and neither has any id. */
export function plain(text: string): string {
  return text.replaceAll('\0', '');
}
