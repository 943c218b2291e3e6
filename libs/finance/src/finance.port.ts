// query · what finance asks of the journal's read model; implemented beside the projection, asked by the API and by the close of a period.
import type { InstantMs } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import type {
  AgingView,
  PostingView,
  StatementDayLine,
  StatementView,
  SummaryFigures,
  SummaryGroup,
  SummaryGrouping,
} from './finance.views.js';

/** Whose books: of a tenant, or of those of its accounts that the caller may see. */
export interface Books {
  tenant: string;
  accounts: readonly string[] | null;
}

/** Half-open; what is absent has no bound. */
export interface Range {
  from?: InstantMs;
  to?: InstantMs;
}

export interface PostingFilter extends Range {
  /** A ledger account, or a prefix of one that ends at a colon: `customer:acc_1`. */
  account?: string;
  accountId?: string;
  commodity?: string;
  /** With `account`: all postings of the entries that touch it, because a transaction balances. */
  wholeEntries?: boolean;
}

export interface ListPage {
  limit: number;
  cursor: string | null;
}

/** A journal as of one position, streamed: the same rows however long it takes, in memory that does not grow. */
export interface JournalExport {
  position: Position;
  commodities: readonly string[];
  /** Every ledger account that a posting of the export may stand under, in order. */
  accounts(): AsyncIterable<string[]>;
  /** In log order, whole pages at a time; a fact's postings may be parted between two pages. */
  pages(): AsyncIterable<PostingView[]>;
}

export interface FinanceReads {
  postings(books: Books, filter: PostingFilter, page: ListPage): Promise<{ data: PostingView[]; nextCursor: string | null }>;
  exportJournal(books: Books, filter: PostingFilter): Promise<JournalExport>;
  /** Without `groupBy` there are no groups. Throws where a row does not hold against the balances. */
  summary(
    books: Books,
    range: Range,
    groups: { by: SummaryGrouping; page: ListPage } | null,
  ): Promise<SummaryFigures & { position: Position; groups: SummaryGroup[]; nextCursor: string | null }>;
  /** Null for an account that there is not. */
  statement(books: Books, accountId: string, range: Range): Promise<StatementView | null>;
  statementDays(books: Books, accountId: string, range: Range): Promise<StatementDayLine[] | null>;
  aging(books: Books, at: InstantMs): Promise<AgingView>;
  /** `2026-11` of every month that has postings, in order. */
  months(tenant: string): Promise<string[]>;
  /** Accounts on which a lapse or a boundary before the instant is not booked yet. */
  accountsDueBefore(tenant: string, instant: InstantMs): Promise<string[]>;
}

/** The proof's head, as a closed period quotes it. */
export interface LedgerHead {
  treeSize: number;
  /** The signed note. */
  checkpoint: string;
  /** Of the tree's last leaf. */
  position: Position;
}

/** Covers every fact recorded before the call. */
export interface HeadSource {
  head(): Promise<LedgerHead>;
}
