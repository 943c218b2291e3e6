// query · whether a caller may see an account at all; asked before every read, so that another's object is as good as none.
import { tenantStream } from '#libs/event-store';
import type { Visibility } from './read-models.port.js';

export function maySee(who: Visibility, accountId: string): boolean {
  // No id has a NUL in it, and PostgreSQL would refuse the query.
  return (who.accounts === null || who.accounts.includes(accountId)) && !accountId.includes('\0');
}

export function accountStream(who: Visibility, accountId: string): string {
  return tenantStream('account', who.tenant, accountId);
}
