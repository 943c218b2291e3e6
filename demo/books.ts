// Whether the books balance: what was granted against where it went, grant by grant, and the movements against the balance.
import { all, must, type Api, type Body } from './api.js';

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

/** granted = available + held + consumed + expired + revoked + reissued + adjusted + repaid, per grant; Σ movements = available. */
export async function booksOf(api: Api, accountId: string): Promise<Books> {
  const [account, grants, movements] = await Promise.all([
    must(api, 'GET', `/v1/accounts/${accountId}`),
    all(api, `/v1/accounts/${accountId}/grants`),
    all(api, `/v1/accounts/${accountId}/movements`),
  ]);
  const sum = (member: string): number => grants.reduce((total: number, grant: Body) => total + Number(grant[member]), 0);
  const gone = ['expired', 'revoked', 'reissued', 'adjusted', 'repaid'].reduce((total, member) => total + sum(member), 0);
  const granted = sum('credits');
  const available = sum('available');
  const moved = movements.reduce((total: number, movement: Body) => total + Number(movement.credits), 0);
  const everyGrantTies = grants.every(
    (grant: Body) =>
      grant.credits ===
      grant.available + grant.held + grant.consumed + grant.expired + grant.revoked + grant.reissued + grant.adjusted + grant.repaid,
  );
  return {
    account: account.name,
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
