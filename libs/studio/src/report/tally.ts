// query · what a report adds up over any set of attempts, whole, group or week; figures are made of it.
import { invariant } from '#libs/kernel';
import type { AttemptCell } from '../attempts/attempt-cell.js';
import type { RejectionReason } from '../clip/rejection-reasons.js';
import { USABLE_STATES } from '../clip/review-states.js';
import { ExactSum } from './exact-sum.js';
import type { CostSource } from './report.types.js';

export class Tally {
  generations = 0;
  usable = 0;
  published = 0;
  failed = 0;
  readonly reviewMinutes = new ExactSum();
  readonly brandReviewMinutes = new ExactSum();
  readonly editingMinutes = new ExactSum();
  readonly creditsUsed = new ExactSum();
  readonly unpricedCredits = new ExactSum();
  /** By currency, in minor units. */
  readonly costs = new Map<string, ExactSum>();
  readonly reasons = new Map<RejectionReason, number>();

  constructor(private readonly costSource: CostSource) {}

  add(cell: AttemptCell): void {
    invariant(Number.isSafeInteger(cell.generations) && cell.generations >= 0, () => `a cell of ${cell.generations} attempts`);
    this.generations += cell.generations;
    if (USABLE_STATES.has(cell.state)) this.usable += cell.generations;
    if (cell.state === 'published') this.published += cell.generations;
    if (cell.state === 'generation_failed') this.failed += cell.generations;
    this.reviewMinutes.add(cell.reviewMinutes);
    this.brandReviewMinutes.add(cell.brandReviewMinutes);
    this.editingMinutes.add(cell.editingMinutes);
    this.creditsUsed.add(cell.creditsUsed);
    this.unpricedCredits.add(cell.unpricedCredits);
    const costs = this.costSource === 'ledger' ? cell.ledgerCost : cell.providerCost;
    for (const currency in costs) this.#costIn(currency).add(costs[currency] as string);
    for (const reason of cell.reasons) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + cell.generations);
  }

  #costIn(currency: string): ExactSum {
    let sum = this.costs.get(currency);
    if (sum === undefined) this.costs.set(currency, (sum = new ExactSum()));
    return sum;
  }
}
