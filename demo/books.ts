// Whether the books balance: what was granted against where it went, grant by grant, and the movements against the balance.
import type { AccountView, GrantView, MovementView } from '#libs/ledger';
import { all, must, type Api } from './api.js';

export interface Books {
  account: string;
  plan: string;
  granted: number;
  available: number;
  held: number;
  consumed: number;
  lapsed: number;
  /** Sum of all movements. */
  movements: number;
  balanced: boolean;
}

const LAPSED = ['expired', 'revoked', 'reissued', 'adjusted', 'repaid'] as const;
type Counter = 'credits' | 'available' | 'held' | 'consumed' | (typeof LAPSED)[number];

/** granted = available + held + consumed + expired + revoked + reissued + adjusted + repaid, per grant; Σ movements = available. */
export async function booksOf(api: Api, accountId: string): Promise<Books> {
  const [account, grants, movements] = await Promise.all([
    must<AccountView>(api, 'GET', `/v1/accounts/${accountId}`),
    all<GrantView>(api, `/v1/accounts/${accountId}/grants`),
    all<MovementView>(api, `/v1/accounts/${accountId}/movements`),
  ]);
  const sum = (member: Counter): number => grants.reduce((total, grant) => total + grant[member], 0);
  const gone = LAPSED.reduce((total, member) => total + sum(member), 0);
  const granted = sum('credits');
  const available = sum('available');
  const moved = movements.reduce((total, movement) => total + movement.credits, 0);
  const everyGrantTies = grants.every(
    (grant) =>
      grant.credits ===
      grant.available + grant.held + grant.consumed + grant.expired + grant.revoked + grant.reissued + grant.adjusted + grant.repaid,
  );
  return {
    account: account.name ?? accountId,
    plan: account.plan,
    granted,
    available,
    held: sum('held'),
    consumed: sum('consumed'),
    lapsed: gone,
    movements: moved,
    balanced: everyGrantTies && granted === available + sum('held') + sum('consumed') + gone && moved === available,
  };
}
