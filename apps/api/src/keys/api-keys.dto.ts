// 1 HTTP in · what an API key is made from.
import { ListQueryDto } from '../validation/queries.js';
import { DistinctList, Optional, Text } from '../validation/rules.js';
import { ACCOUNT_ID_PATTERN, Tenant } from '../validation/words.js';
import { SCOPES, type Scope } from './api-key.js';

const scopeNames: readonly string[] = SCOPES;

export class CreateApiKeyDto {
  @Text(1, 100)
  name!: string;

  @DistinctList(1, SCOPES.length, {
    schema: { type: 'string', enum: [...SCOPES] },
    detail: `one of ${SCOPES.join(', ')}`,
    test: (value) => typeof value === 'string' && scopeNames.includes(value),
  })
  scopes!: Scope[];

  @Optional()
  @DistinctList(1, 1_000, {
    schema: { type: 'string', pattern: ACCOUNT_ID_PATTERN.source },
    detail: 'an account id',
    test: (value) => typeof value === 'string' && ACCOUNT_ID_PATTERN.test(value),
  })
  accounts?: string[];

  @Optional()
  @Tenant()
  tenant?: string;
}

export class ApiKeysQueryDto extends ListQueryDto {
  /** Of the deployment's administrator only. */
  @Optional()
  @Tenant()
  tenant?: string;
}
