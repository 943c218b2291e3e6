// 1 HTTP in · what the routes of adjustments take; the decorators are the one source of the checks and of the OpenAPI schemas.
import { CREDITS_MAX } from '#libs/kernel';
import { ADJUSTMENT_STATUSES, BUCKETS, type AdjustmentStatus, type Bucket } from '#libs/ledger';
import { ListQueryDto } from '../validation/queries.js';
import { OneOf, Optional, Satisfies, Text } from '../validation/rules.js';
import { AccountId, Reason } from '../validation/words.js';

export class AdjustCreditsDto {
  @OneOf(BUCKETS)
  bucket!: Bucket;

  /** Plus gives, minus takes. */
  @Satisfies(
    'signedCredits',
    { type: 'integer', minimum: -CREDITS_MAX, maximum: CREDITS_MAX, not: { const: 0 } },
    `must be a whole number other than 0, from ${-CREDITS_MAX} to ${CREDITS_MAX}`,
    (value) => Number.isSafeInteger(value) && value !== 0 && Math.abs(value as number) <= CREDITS_MAX,
  )
  credits!: number;

  @Reason()
  reason!: string;

  /** Where it was asked for. */
  @Text(1, 200)
  ticket!: string;
}

export class AdjustmentsQueryDto extends ListQueryDto {
  @Optional()
  @AccountId()
  accountId?: string;

  @Optional()
  @OneOf(ADJUSTMENT_STATUSES)
  status?: AdjustmentStatus;
}
