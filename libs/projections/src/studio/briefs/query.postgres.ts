// query · briefs, prompts and benchmarks as projected; called by studio-reads.postgres.ts.
import type pg from 'pg';
import { type JsonValue, toIso } from '#libs/kernel';
import type { CustomerKeys, TextSealer } from '#libs/event-store';
import {
  type BenchmarkView,
  type BriefView,
  briefView,
  type PromptView,
  promptView,
  type StudioPage,
  type StudioPageQuery,
  type StudioVisibility,
} from '#libs/studio';
import { Conditions } from '../../conditions.js';
import { decodeCursor, encodeCursor } from '../../cursor.js';
import { type BriefCreatedData, type BriefReadiedData, promptRowOf, type StoredBrief, type StoredPrompt } from './rows.js';

const BRIEF_COLUMNS = 'tenant, created, created_position, readied, revision, position, attempts_used, sealed, sealed_variables';
const PROMPT_COLUMNS = 'tenant, prompt_id, created_at, created_position, position, labels, sealed';

interface StoredVersion {
  prompt_id: string;
  version: number;
  created_at: Date;
  variables: string;
  sealed: string | null;
}

interface StoredBenchmark {
  name: string;
  currency: string;
  amount_minor: string;
  usable_rate: string;
  updated_at: Date;
  position: string;
}

export class BriefQueries {
  constructor(
    private readonly pool: pg.Pool,
    private readonly keys: CustomerKeys,
  ) {}

  /** Newest first. */
  async briefs(
    who: StudioVisibility,
    query: StudioPageQuery & { state?: BriefView['state']; campaign?: string; channel?: string },
  ): Promise<StudioPage<BriefView>> {
    const where = new Conditions().add('tenant = ?', who.tenant);
    if (who.accounts !== null) where.add('account_id = ANY(?)', who.accounts);
    if (query.state !== undefined) where.add('state = ?', query.state);
    if (query.campaign !== undefined) where.add('campaign = ?', query.campaign.replaceAll('\0', ''));
    if (query.channel !== undefined) where.add('channel = ?', query.channel.replaceAll('\0', ''));
    if (query.cursor !== null) where.add('created_position < ?', decodeCursor('briefs', query.cursor, ['string'])[0]);
    const limit = where.param(query.limit + 1);
    const { rows } = await this.pool.query<StoredBrief>(
      `SELECT ${BRIEF_COLUMNS} FROM brief WHERE ${where.toString()} ORDER BY created_position DESC LIMIT ${limit}`,
      where.values,
    );
    const shown = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? shown.at(-1) : undefined;
    return {
      data: await this.#briefViews(who.tenant, shown),
      nextCursor: last === undefined ? null : encodeCursor('briefs', [last.created_position]),
    };
  }

  async brief(who: StudioVisibility, briefId: string): Promise<BriefView | null> {
    const { rows } = await this.pool.query<StoredBrief & { account_id: string | null }>({
      name: 'brief',
      text: `SELECT account_id, ${BRIEF_COLUMNS} FROM brief WHERE tenant = $1 AND brief_id = $2`,
      values: [who.tenant, briefId.replaceAll('\0', '')],
    });
    const row = rows[0];
    if (row === undefined) return null;
    if (who.accounts !== null && (row.account_id === null || !who.accounts.includes(row.account_id))) return null;
    return (await this.#briefViews(who.tenant, [row]))[0] ?? null;
  }

  /** Newest first. A prompt is of no account, so a bound key sees none. */
  async prompts(who: StudioVisibility, query: StudioPageQuery): Promise<StudioPage<PromptView>> {
    if (who.accounts !== null) return { data: [], nextCursor: null };
    const where = new Conditions().add('tenant = ?', who.tenant);
    if (query.cursor !== null) where.add('created_position < ?', decodeCursor('prompts', query.cursor, ['string'])[0]);
    const limit = where.param(query.limit + 1);
    const { rows } = await this.pool.query<StoredPrompt>(
      `SELECT ${PROMPT_COLUMNS} FROM prompt WHERE ${where.toString()} ORDER BY created_position DESC LIMIT ${limit}`,
      where.values,
    );
    const shown = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? shown.at(-1) : undefined;
    return {
      data: await this.#promptViews(who.tenant, shown),
      nextCursor: last === undefined ? null : encodeCursor('prompts', [last.created_position]),
    };
  }

  async prompt(who: StudioVisibility, promptId: string): Promise<PromptView | null> {
    if (who.accounts !== null) return null;
    const { rows } = await this.pool.query<StoredPrompt>({
      name: 'prompt',
      text: `SELECT ${PROMPT_COLUMNS} FROM prompt WHERE tenant = $1 AND prompt_id = $2`,
      values: [who.tenant, promptId.replaceAll('\0', '')],
    });
    return (await this.#promptViews(who.tenant, rows))[0] ?? null;
  }

  async benchmarks(tenant: string, name?: string): Promise<BenchmarkView[]> {
    const where = new Conditions().add('tenant = ?', tenant);
    if (name !== undefined) where.add('name = ?', name.replaceAll('\0', ''));
    const { rows } = await this.pool.query<StoredBenchmark>(
      `SELECT name, currency, amount_minor, usable_rate, updated_at, position FROM benchmark WHERE ${where.toString()} ORDER BY name`,
      where.values,
    );
    return rows.map((row) => ({
      name: row.name,
      costPerUsableClip: { currency: row.currency, amountMinor: Number(row.amount_minor) },
      qualityBar: { usableRate: row.usable_rate },
      updatedAt: toIso(row.updated_at.getTime()),
      position: row.position,
    }));
  }

  /** Texts are opened under each brief's account's key, or the tenant's own. */
  async #briefViews(tenant: string, rows: readonly StoredBrief[]): Promise<BriefView[]> {
    const briefs = rows.map((row) => ({ row, content: JSON.parse(row.created) as BriefCreatedData }));
    const sealedFor = new Set(briefs.map(({ content }) => content.accountId ?? ''));
    const openers = sealedFor.size === 0 ? new Map<string, TextSealer | null>() : await this.keys.openersFor(tenant, [...sealedFor]);
    return briefs.map(({ row, content }) => {
      const opener = openers.get(content.accountId ?? '') ?? null;
      const ready = row.readied === null ? null : (JSON.parse(row.readied) as BriefReadiedData);
      const state = { content, ready, revision: row.revision, facts: 0, readyAt: null, attempts: new Map<string, string>() };
      const texts = { ...opened(row.sealed, opener), variables: opened(row.sealed_variables, opener)['variables'] };
      return { ...briefView(state, texts, row.position), attemptsUsed: row.attempts_used };
    });
  }

  /** Each with all of its versions, in one read. */
  async #promptViews(tenant: string, rows: readonly StoredPrompt[]): Promise<PromptView[]> {
    if (rows.length === 0) return [];
    const opener = await this.keys.openerFor(tenant, '');
    const versions = await this.pool.query<StoredVersion>({
      name: 'prompt_versions',
      text: `SELECT prompt_id, version, created_at, variables, sealed FROM prompt_version
              WHERE tenant = $1 AND prompt_id = ANY($2::text[]) ORDER BY prompt_id, version`,
      values: [tenant, rows.map((row) => row.prompt_id)],
    });
    return rows.map(promptRowOf).map(({ promptId, createdAt, labels, sealed, position }) => {
      const own = versions.rows.filter((version) => version.prompt_id === promptId);
      const state = {
        promptId,
        createdAt: toIso(createdAt),
        versions: own.map((version) => ({
          version: version.version,
          variables: JSON.parse(version.variables) as string[],
          createdAt: toIso(version.created_at.getTime()),
          revision: 0,
        })),
        labels: new Map(Object.entries(labels)),
        facts: 0,
      };
      const templates = new Map(own.map((version) => [version.version, textOf(opened(version.sealed, opener)['template'])]));
      return promptView(state, { name: textOf(opened(sealed, opener)['name']), templates }, position);
    });
  }
}

function opened(sealed: string | null, opener: TextSealer | null): Record<string, JsonValue> {
  return sealed === null || opener === null ? {} : opener.open(sealed);
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
