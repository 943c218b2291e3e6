// The rows of table `leases` that spread a group's shares over its members; asked by ShareDirectory and LeasedShares, which decide what becomes of them.
import type pg from 'pg';
import type { JsonObject } from '#libs/kernel';

/** Told whenever a share changed hands or a member came or went; the payload is the group. */
export const SHARES_CHANNEL = 'rollcredits_shares';

export interface LivingRow {
  owner: string;
  /** Decimal text, as a lease's. */
  token: string;
  detail: JsonObject;
  /** As of the read. */
  msLeft: number;
}

export interface LivingRows {
  shares: Map<number, LivingRow>;
  /** By owner. */
  members: Map<string, LivingRow>;
}

/** Members that fell silent this long ago are forgotten by whoever joins next. */
const DEAD_FOR = '10 minutes';

const READ = `
  SELECT name, owner, token::text, detail, extract(epoch FROM expires_at - clock_timestamp()) * 1000 AS ms_left
    FROM leases WHERE (starts_with(name, $1 || '/') OR starts_with(name, $1 || '#')) AND expires_at > clock_timestamp()`;

const BEAT = `
  WITH here AS (
    INSERT INTO leases (name, owner, token, expires_at, detail)
    VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond', $4)
    ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at
  ), mine AS (
    SELECT name FROM leases JOIN unnest($5::text[], $6::bigint[]) AS w (name, token) USING (name, token)
     WHERE owner = $2 ORDER BY name FOR UPDATE OF leases
  )
  UPDATE leases SET expires_at = clock_timestamp() + $3 * interval '1 millisecond' FROM mine WHERE leases.name = mine.name RETURNING leases.name`;

const TAKE = `
  WITH taken AS (
    INSERT INTO leases AS held (name, owner, token, expires_at, detail)
    SELECT w.name, $2, 1, clock_timestamp() + $3 * interval '1 millisecond', $4::jsonb FROM unnest($1::text[]) AS w (name) ORDER BY w.name
    ON CONFLICT (name) DO UPDATE
      SET owner = excluded.owner, token = held.token + 1, expires_at = excluded.expires_at, detail = excluded.detail
      WHERE held.expires_at <= clock_timestamp() OR held.owner = excluded.owner
    RETURNING name, token
  )
  SELECT name, token::text, pg_notify('${SHARES_CHANNEL}', $5) FROM taken`;

const GIVE = `
  WITH given AS (
    UPDATE leases SET expires_at = clock_timestamp() FROM unnest($1::text[], $2::bigint[]) AS w (name, token)
     WHERE leases.name = w.name AND leases.token = w.token AND owner = $3 RETURNING 1
  )
  SELECT pg_notify('${SHARES_CHANNEL}', $4) FROM given LIMIT 1`;

export class ShareRows {
  constructor(
    private readonly pool: pg.Pool,
    readonly group: string,
  ) {}

  /** The lease of one share. */
  nameOf(share: number): string {
    return `${this.group}/${share}`;
  }

  async living(): Promise<LivingRows> {
    const { rows } = await this.pool.query<{ name: string; owner: string; token: string; detail: JsonObject | null; ms_left: string }>(
      READ,
      [this.group],
    );
    const shares = new Map<number, LivingRow>();
    const members = new Map<string, LivingRow>();
    for (const { name, owner, token, detail, ms_left } of rows) {
      const row = { owner, token, detail: detail ?? {}, msLeft: Number(ms_left) };
      if (name.startsWith(`${this.group}#`)) members.set(owner, row);
      else shares.set(Number(name.slice(this.group.length + 1)), row);
    }
    return { shares, members };
  }

  /** Says that the member lives, and renews what it holds; answers the shares that it still does. */
  async beat(owner: string, ttlMs: number, detail: JsonObject, held: ReadonlyMap<number, string>): Promise<Set<number>> {
    const names = [...held.keys()].map((share) => this.nameOf(share));
    const { rows } = await this.pool.query<{ name: string }>(BEAT, [
      `${this.group}#${owner}`,
      owner,
      ttlMs,
      JSON.stringify(detail),
      names,
      [...held.values()],
    ]);
    return new Set(rows.map(({ name }) => this.#shareOf(name)));
  }

  /** Takes those of the shares that nobody holds; answers their tokens. */
  async take(owner: string, ttlMs: number, detail: JsonObject, shares: readonly number[]): Promise<Map<number, string>> {
    const names = shares.map((share) => this.nameOf(share));
    const { rows } = await this.pool.query<{ name: string; token: string }>(TAKE, [
      names,
      owner,
      ttlMs,
      JSON.stringify(detail),
      this.group,
    ]);
    return new Map(rows.map(({ name, token }) => [this.#shareOf(name), token]));
  }

  /** Gives shares up so that another member takes them at once. */
  async give(owner: string, tokens: ReadonlyMap<number, string>): Promise<void> {
    const names = [...tokens.keys()].map((share) => this.nameOf(share));
    await this.pool.query(GIVE, [names, [...tokens.values()], owner, this.group]);
  }

  async announce(): Promise<void> {
    await this.pool.query(`DELETE FROM leases WHERE starts_with(name, $1) AND expires_at < clock_timestamp() - interval '${DEAD_FOR}'`, [
      `${this.group}#`,
    ]);
    await this.pool.query('SELECT pg_notify($1, $2)', [SHARES_CHANNEL, this.group]);
  }

  async leave(owner: string): Promise<void> {
    await this.pool.query('DELETE FROM leases WHERE name = $1', [`${this.group}#${owner}`]);
    await this.announce();
  }

  #shareOf(name: string): number {
    return Number(name.slice(this.group.length + 1));
  }
}
