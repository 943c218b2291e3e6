// 1 HTTP in · what the routes of disputes take; the decorators are the one source of the checks and of the OpenAPI schemas.
import { DISPUTE_STATUSES, type DisputeStatus } from '#libs/ledger';
import { ListQueryDto } from '../validation/queries.js';
import { OneOf, Optional, Text } from '../validation/rules.js';
import { AccountId, Reason } from '../validation/words.js';

export class OpenDisputeDto {
  /** Every grant of the account with this reference. */
  @Optional()
  @Text(1, 200)
  reference?: string;

  /** Or one grant alone. */
  @Optional()
  @Text(1, 200)
  grantId?: string;

  @Reason()
  reason!: string;
}

export class DisputesQueryDto extends ListQueryDto {
  @Optional()
  @AccountId()
  accountId?: string;

  @Optional()
  @OneOf(DISPUTE_STATUSES)
  status?: DisputeStatus;
}
