// 1 HTTP in · what the routes of attempts, benchmarks and reports take.
import { REPORT_GROUPS, type AttemptFilter, type CostSource, type ReportGroup } from '#libs/studio';
import { MoneyDto } from '../accounts/accounts.dto.js';
import { rangeOf, ReadQueryDto } from '../validation/queries.js';
import { Nested, OneOf, Optional, Pattern } from '../validation/rules.js';
import { InstantOrDay } from '../validation/words.js';
import { MinorUnits, Rate, StudioId, Word } from './studio.words.js';

const HOURLY_RATE_MINOR_MAX = 1_000_000_000;
const TOTAL_MINOR_MAX = 1_000_000_000_000;
const PROMPT_VERSION = /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}@)?v[1-9][0-9]{0,8}$/;

export class QualityBarDto {
  /** The least share of attempts that must become usable. */
  @Rate()
  usableRate!: string;
}

export class SetBenchmarkDto {
  @Nested(MoneyDto)
  costPerUsableClip!: MoneyDto;

  @Nested(QualityBarDto)
  qualityBar!: QualityBarDto;
}

export class AttemptsQueryDto extends ReadQueryDto {
  @Optional()
  @StudioId()
  briefId?: string;

  @Optional()
  @Word(100)
  campaign?: string;

  @Optional()
  @Word(100)
  channel?: string;

  @Optional()
  @Word(100)
  format?: string;

  @Optional()
  @Word(200)
  model?: string;

  @Optional()
  @Pattern(PROMPT_VERSION, '`<prompt id>@v<n>`, or `v<n>` of any prompt')
  promptVersion?: string;

  /** By the attempt's creation, inclusive. */
  @Optional()
  @InstantOrDay()
  from?: string;

  /** Exclusive. */
  @Optional()
  @InstantOrDay()
  to?: string;
}

export class CostPerUsableClipQueryDto extends AttemptsQueryDto {
  @Optional()
  @OneOf(REPORT_GROUPS)
  groupBy?: ReportGroup;

  @Optional()
  @MinorUnits(HOURLY_RATE_MINOR_MAX)
  hourlyRateMinor?: string;

  @Optional()
  @MinorUnits(TOTAL_MINOR_MAX)
  toolingCostMinor?: string;

  @Optional()
  @MinorUnits(TOTAL_MINOR_MAX)
  complianceCostMinor?: string;

  /** What the generations cost: by what customers' credits were worth (default), or by what providers asked. */
  @Optional()
  @OneOf(['ledger', 'provider'])
  costSource?: CostSource;

  /** Must be said where there are costs in several. */
  @Optional()
  @Pattern(/^[A-Z]{3}$/, 'an ISO 4217 code in capitals')
  currency?: string;

  @Optional()
  @StudioId()
  benchmark?: string;
}

/** Members of the DTO that narrow down which attempts are meant. */
export function attemptFilterOf(query: AttemptsQueryDto): AttemptFilter {
  const { briefId, campaign, channel, format, model, promptVersion } = query;
  return {
    ...rangeOf(query),
    ...(briefId !== undefined && { briefId }),
    ...(campaign !== undefined && { campaign }),
    ...(channel !== undefined && { channel }),
    ...(format !== undefined && { format }),
    ...(model !== undefined && { model }),
    ...(promptVersion !== undefined && { promptVersion }),
  };
}
