// 1 HTTP in · what the routes of finance take.
import {
  BILL_LINE_STATES,
  EXPORT_FORMATS,
  SUMMARY_GROUPINGS,
  type BillLineState,
  type ExportFormat,
  type SummaryGrouping,
} from '#libs/finance';
import { ListQueryDto, ReadQueryDto } from '../validation/queries.js';
import { OneOf, Optional, Pattern } from '../validation/rules.js';
import { ACCOUNT_ID_PATTERN, InstantOrDay } from '../validation/words.js';

const LedgerAccount = (): PropertyDecorator =>
  Pattern(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,299}$/, 'a ledger account, or what one begins with up to a colon: `customer:acc_1`');
const CustomerId = (): PropertyDecorator => Pattern(ACCOUNT_ID_PATTERN, 'an account id');
const Commodity = (): PropertyDecorator => Pattern(/^(?:[A-Z]{3}|CREDIT)$/, '`CREDIT` or an ISO 4217 code');

export class JournalQueryDto extends ListQueryDto {
  /** By `effectiveAt`, inclusive. */
  @Optional()
  @InstantOrDay()
  from?: string;

  /** Exclusive. */
  @Optional()
  @InstantOrDay()
  to?: string;

  @Optional()
  @LedgerAccount()
  account?: string;

  @Optional()
  @CustomerId()
  accountId?: string;

  @Optional()
  @Commodity()
  commodity?: string;
}

export class ExportQueryDto extends ReadQueryDto {
  /** Default: jsonl. */
  @Optional()
  @OneOf(EXPORT_FORMATS)
  format?: ExportFormat;

  @Optional()
  @InstantOrDay()
  from?: string;

  @Optional()
  @InstantOrDay()
  to?: string;

  @Optional()
  @LedgerAccount()
  account?: string;

  @Optional()
  @CustomerId()
  accountId?: string;

  @Optional()
  @Commodity()
  commodity?: string;
}

export class RangeQueryDto extends ReadQueryDto {
  @Optional()
  @InstantOrDay()
  from?: string;

  @Optional()
  @InstantOrDay()
  to?: string;
}

export class SummaryQueryDto extends ListQueryDto {
  @Optional()
  @InstantOrDay()
  from?: string;

  @Optional()
  @InstantOrDay()
  to?: string;

  @Optional()
  @OneOf(SUMMARY_GROUPINGS)
  groupBy?: SummaryGrouping;
}

export class BillLinesQueryDto extends ListQueryDto {
  @Optional()
  @OneOf(BILL_LINE_STATES)
  state?: BillLineState;
}

/** Nothing has to be said to close a month. */
export class ClosePeriodDto {}
