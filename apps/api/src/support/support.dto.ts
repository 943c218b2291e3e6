// 1 HTTP in · what the routes of support take.
import { POSITION_PATTERN } from '#libs/event-store';
import { parseInstant } from '../validation/instant.js';
import { ListQueryDto } from '../validation/queries.js';
import { Optional, Satisfies } from '../validation/rules.js';

export class AccountHistoryQueryDto extends ListQueryDto {
  /** Default: now. */
  @Optional()
  @Satisfies(
    'instantOrPosition',
    { type: 'string', description: 'An RFC 3339 instant, or a position of the log; both are included.' },
    'must be an RFC 3339 instant or a position of 16 digits',
    (value) => typeof value === 'string' && (POSITION_PATTERN.test(value) || (value.includes('T') && parseInstant(value) !== null)),
  )
  at?: string;
}
