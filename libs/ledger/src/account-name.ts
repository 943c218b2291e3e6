// query · what an account is called: read from the fact that opened it, with the customer's key; asked by answers to writes and by looks into the past.
import { tenantStream, type CustomerKeys, type EventStore } from '#libs/event-store';

export interface AccountName {
  /** Null once its person was forgotten. */
  name: string | null;
  forgotten: boolean;
}

export async function accountName(
  store: Pick<EventStore, 'readStream'>,
  keys: Pick<CustomerKeys, 'openerFor'>,
  tenant: string,
  accountId: string,
): Promise<AccountName> {
  const stream = tenantStream('account', tenant, accountId);
  const [[opened], opener] = await Promise.all([store.readStream(stream, { limit: 1 }), keys.openerFor(tenant, accountId)]);
  const sealed = opened?.sealed ?? null;
  if (opener === null || sealed === null) return { name: null, forgotten: opener === null };
  const { name } = opener.open(sealed);
  return { name: typeof name === 'string' ? name : null, forgotten: false };
}
