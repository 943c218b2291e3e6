// query · accounts, balances and grants as projected; called by read-models.postgres.ts.
import type pg from 'pg';
import type { Clock, InstantMs } from '#libs/kernel';
import type { CustomerKeys, TextSealer } from '#libs/event-store';
import {
  accountView,
  type AccountView,
  balanceView,
  type BalanceView,
  grantView,
  type GrantView,
  initialAccount,
  type RenderContext,
} from '#libs/ledger';
import { Conditions } from '../conditions.js';
import { decodeCursor, encodeCursor } from '../cursor.js';
import type { Page, PageQuery, Visibility } from '../read-models.port.js';
import { accountStream, maySee } from '../visibility.js';
import { BalanceRows, type GrantJson, grantOf } from './balance-rows.postgres.js';

const ACCOUNT_COLUMNS = `account_id, sealed, plan, pending_plan, timezone, billing_anchor, next_reset_at, opened_at, opened_position, status, revision,
  position`;

interface AccountRow {
  account_id: string;
  sealed: string | null;
  plan: string;
  pending_plan: string | null;
  timezone: string;
  billing_anchor: Date;
  next_reset_at: Date;
  opened_at: Date;
  opened_position: string;
  status: 'active' | 'suspended';
  revision: number;
  position: string;
}

interface ListedGrant {
  granted_position: string;
  ordinal: number;
  position: string;
  grant: GrantJson;
}

export class AccountQueries {
  readonly #balances: BalanceRows;

  constructor(
    private readonly pool: pg.Pool,
    private readonly keys: CustomerKeys,
    private readonly clock: Clock,
    private readonly context: RenderContext,
  ) {
    this.#balances = new BalanceRows(pool);
  }

  async account(who: Visibility, accountId: string): Promise<AccountView | null> {
    if (!maySee(who, accountId)) return null;
    const { rows } = await this.pool.query<AccountRow>({
      name: 'account',
      text: `SELECT ${ACCOUNT_COLUMNS} FROM balance_account WHERE stream = $1`,
      values: [accountStream(who, accountId)],
    });
    return rows[0] === undefined ? null : this.#accountView(rows[0], await this.keys.openerFor(who.tenant, accountId));
  }

  /** Newest first. */
  async accounts(who: Visibility, page: PageQuery): Promise<Page<AccountView>> {
    const where = new Conditions().add('tenant = ?', who.tenant);
    if (who.accounts !== null) where.add('account_id = ANY(?)', who.accounts);
    if (page.cursor !== null) where.add('opened_position < ?', decodeCursor('accounts', page.cursor, ['string'])[0]);
    const limit = where.param(page.limit + 1);
    const { rows } = await this.pool.query<AccountRow>(
      `SELECT ${ACCOUNT_COLUMNS} FROM balance_account WHERE ${where.toString()} ORDER BY opened_position DESC LIMIT ${limit}`,
      where.values,
    );
    const shown = rows.slice(0, page.limit);
    const openers = await this.keys.openersFor(
      who.tenant,
      shown.map((row) => row.account_id),
    );
    const last = rows.length > page.limit ? shown.at(-1) : undefined;
    return {
      data: shown.map((row) => this.#accountView(row, openers.get(row.account_id) ?? null)),
      nextCursor: last === undefined ? null : encodeCursor('accounts', [last.opened_position]),
    };
  }

  async balance(who: Visibility, accountId: string, at: InstantMs): Promise<BalanceView | null> {
    if (!maySee(who, accountId)) return null;
    const row = await this.#balances.get(accountStream(who, accountId));
    return row === null ? null : balanceView(row.state, at, row.place, this.context);
  }

  /** Oldest first; null for an account that is not there. */
  async grants(who: Visibility, accountId: string, page: PageQuery): Promise<Page<GrantView> | null> {
    if (!(await this.exists(who, accountId))) return null;
    const where = new Conditions().add('g.stream = ?', accountStream(who, accountId));
    if (page.cursor !== null) {
      const [position, ordinal] = decodeCursor('grants', page.cursor, ['string', 'integer']);
      where.require(`(g.granted_position, g.ordinal) > (${where.param(position)}::text COLLATE "C", ${where.param(ordinal)}::int8)`);
    }
    const limit = where.param(page.limit + 1);
    const { rows } = await this.pool.query<ListedGrant>(
      `SELECT g.granted_position, g.ordinal, g.position, row_to_json(g) AS grant FROM balance_grant AS g
        WHERE ${where.toString()} ORDER BY g.granted_position, g.ordinal LIMIT ${limit}`,
      where.values,
    );
    const at = this.clock.now();
    const shown = rows.slice(0, page.limit);
    const last = rows.length > page.limit ? shown.at(-1) : undefined;
    return {
      data: shown.map((row) => grantView(accountId, grantOf(row.grant), at, row.position)),
      nextCursor: last === undefined ? null : encodeCursor('grants', [last.granted_position, last.ordinal]),
    };
  }

  async exists(who: Visibility, accountId: string): Promise<boolean> {
    if (!maySee(who, accountId)) return false;
    const { rowCount } = await this.pool.query({
      name: 'account_exists',
      text: 'SELECT 1 FROM balance_account WHERE stream = $1',
      values: [accountStream(who, accountId)],
    });
    return rowCount === 1;
  }

  /** Of all accounts together. */
  async creditsHeld(): Promise<number> {
    const { rows } = await this.pool.query<{ held: string }>('SELECT held FROM balance_total');
    return Number(rows[0]?.held ?? 0);
  }

  #accountView(row: AccountRow, opener: TextSealer | null): AccountView {
    const name = row.sealed === null || opener === null ? null : opener.open(row.sealed)['name'];
    const state = {
      ...initialAccount(),
      ...{ accountId: row.account_id, plan: row.plan, pendingPlan: row.pending_plan, timezone: row.timezone, status: row.status },
      billingAnchor: row.billing_anchor.getTime(),
      nextResetAt: row.next_reset_at.getTime(),
      openedAt: row.opened_at.getTime(),
    };
    // Opening an account makes its key, so only forgetting takes it away.
    const known = { name: typeof name === 'string' ? name : null, forgotten: opener === null };
    return accountView(state, known, { revision: row.revision, position: row.position }, this.context);
  }
}
