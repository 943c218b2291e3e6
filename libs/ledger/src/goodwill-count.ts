// 2 decide · how much goodwill each task had, and of which grant: what bounds it for ever. Kept by evolve, asked by the goodwill decision.
import type { Credits } from '#libs/kernel';
import type { AccountState } from './account.state.js';

/** Stands for a grant where credits were used beyond a reservation: they came from none. */
export const OVER_CONSUMED = 'over-consumption';

export function countGoodwill(state: AccountState, taskId: string, grantId: string | null, credits: Credits): void {
  const origin = grantId ?? OVER_CONSUMED;
  let byGrant = state.goodwill.get(taskId);
  if (byGrant === undefined) state.goodwill.set(taskId, (byGrant = new Map<string, Credits>()));
  byGrant.set(origin, (byGrant.get(origin) ?? 0) + credits);
}
