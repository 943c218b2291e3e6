// 1 HTTP in · what the audit can be asked for.
import { ListQueryDto } from '../validation/queries.js';
import { Optional, Pattern } from '../validation/rules.js';
import { InstantOrDay } from '../validation/words.js';

export class AuditQueryDto extends ListQueryDto {
  @Optional()
  @Pattern(/^key_[A-Za-z0-9]{1,64}$/, 'the id of an API key')
  actor?: string;

  @Optional()
  @Pattern(/^[A-Za-z]{1,64}$/, 'an operationId')
  action?: string;

  @Optional()
  @InstantOrDay()
  from?: string;

  @Optional()
  @InstantOrDay()
  to?: string;
}
