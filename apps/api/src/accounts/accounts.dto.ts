// 1 HTTP in · what the routes of accounts take; the decorators are the one source of the checks and of the OpenAPI schemas.
import { BUCKETS, MOVEMENT_TYPES, type Bucket, type MovementType } from '#libs/ledger';
import { Instant, InstantOrDay, AccountId, CatalogueId, PositiveCredits, Reason, TimeZone } from '../validation/words.js';
import { Nested, OneOf, Optional, Pattern, Text, WholeNumber } from '../validation/rules.js';
import { ListQueryDto, ReadQueryDto } from '../validation/queries.js';

export class OpenAccountDto {
  @Optional()
  @AccountId()
  id?: string;

  @Text(1, 200)
  name!: string;

  @CatalogueId()
  plan!: string;

  @Optional()
  @TimeZone()
  timezone?: string;

  @Optional()
  @Instant()
  billingAnchor?: string;
}

export class MoneyDto {
  @Pattern(/^[A-Z]{3}$/, 'an ISO 4217 code in capitals')
  currency!: string;

  @WholeNumber(0, Number.MAX_SAFE_INTEGER)
  amountMinor!: number;
}

export class GrantCreditsDto {
  @OneOf(BUCKETS)
  bucket!: Bucket;

  @PositiveCredits()
  credits!: number;

  @Optional()
  @Instant()
  expiresAt?: string;

  @Text(1, 200)
  reference!: string;

  @Optional()
  @Nested(MoneyDto)
  costBasis?: MoneyDto;
}

export class ChangePlanDto {
  @CatalogueId()
  plan!: string;
}

export class ReasonDto {
  @Reason()
  reason!: string;
}

export class RevokeGrantDto extends ReasonDto {
  /** What becomes of credits that were spent already: forgiven, or owed as after a lost dispute. */
  @Optional()
  @OneOf(['forgive', 'debt'])
  spent?: 'forgive' | 'debt';
}

export class BalanceQueryDto extends ReadQueryDto {
  /** The balance as it stood then: facts at that instant are included. */
  @Optional()
  @Instant()
  asOf?: string;
}

export class MovementsQueryDto extends ListQueryDto {
  @Optional()
  @InstantOrDay()
  from?: string;

  @Optional()
  @InstantOrDay()
  to?: string;

  @Optional()
  @OneOf(BUCKETS)
  bucket?: Bucket;

  @Optional()
  @OneOf(MOVEMENT_TYPES)
  type?: MovementType;

  @Optional()
  @Pattern(/^task_[A-Za-z0-9]{1,64}$/, 'a task id')
  taskId?: string;

  @Optional()
  @OneOf(['asc', 'desc'])
  order?: 'asc' | 'desc';
}
