// query · everything that finance asks of the journal, answered from projected rows; provided as FINANCE_READS by projections.module.ts.
import type pg from 'pg';
import { toIso, type InstantMs } from '#libs/kernel';
import { parseStream } from '#libs/event-store';
import {
  monthOf,
  type Books,
  type FinanceReads,
  type JournalExport,
  type ListPage,
  type PostingFilter,
  type Range,
  type SummaryGrouping,
} from '#libs/finance';
import { statementDays, statementOf } from '../movements/statement.query.postgres.js';
import { agingOf } from './aging.query.postgres.js';
import { exportPostings, listPostings } from './postings.query.postgres.js';
import { inSnapshot } from './snapshot.postgres.js';
import { groupsOf, summaryOf } from './summary.query.postgres.js';

const SELECT_MONTHS = `
  SELECT starts_on FROM journal_credit WHERE tenant = $1 AND account_id = '' AND grain = 'm'
  UNION SELECT starts_on FROM journal_money WHERE tenant = $1 AND account_id = '' AND grain = 'm' ORDER BY starts_on`;

/** Boundaries before the instant, and grants that ended before it with credits that nobody has booked as lapsed. */
const SELECT_DUE = `
  SELECT stream FROM balance_account WHERE tenant = $1 AND next_reset_at < $2
  UNION SELECT stream FROM balance_grant WHERE stream >= $3 AND stream < $4 AND live AND available > 0 AND expires_at < $2`;

export class PostgresFinanceReads implements FinanceReads {
  constructor(private readonly pool: pg.Pool) {}

  postings(books: Books, filter: PostingFilter, page: ListPage): ReturnType<FinanceReads['postings']> {
    return listPostings(this.pool, books, filter, page);
  }

  async exportJournal(books: Books, filter: PostingFilter): Promise<JournalExport> {
    const position = await inSnapshot(this.pool, ['journal'], async (at) => at.position);
    return exportPostings(this.pool, books, filter, position);
  }

  summary(books: Books, range: Range, groups: { by: SummaryGrouping; page: ListPage } | null): ReturnType<FinanceReads['summary']> {
    return inSnapshot(this.pool, ['journal'], async ({ client, position }) => {
      const figures = await summaryOf(client, books, range);
      const grouped = groups === null ? { groups: [], nextCursor: null } : await groupsOf(client, books, range, groups.by, groups.page);
      return { ...figures, position, ...grouped };
    });
  }

  statement(books: Books, accountId: string, range: Range): ReturnType<FinanceReads['statement']> {
    return inSnapshot(this.pool, ['movements', 'balance-by-account'], (at) => statementOf(at, books, accountId, range));
  }

  statementDays(books: Books, accountId: string, range: Range): ReturnType<FinanceReads['statementDays']> {
    return inSnapshot(this.pool, ['movements', 'balance-by-account'], (at) => statementDays(at, books, accountId, range));
  }

  aging(books: Books, at: InstantMs): ReturnType<FinanceReads['aging']> {
    return inSnapshot(this.pool, ['journal', 'balance-by-account'], async ({ client, position }) => ({
      ...(await agingOf(client, books, at)),
      position,
    }));
  }

  async months(tenant: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ starts_on: string }>(`SELECT starts_on::text FROM (${SELECT_MONTHS}) AS m`, [tenant]);
    return rows.map(({ starts_on }) => monthOf(Date.parse(starts_on)));
  }

  async accountsDueBefore(tenant: string, instant: InstantMs): Promise<string[]> {
    const values = [tenant, toIso(instant), `account-${tenant}.`, `account-${tenant}/`];
    const { rows } = await this.pool.query<{ stream: string }>(SELECT_DUE, values);
    return rows.map(({ stream }) => parseStream(stream).id);
  }
}
