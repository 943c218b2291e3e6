// query · the figures of a tally, as production.md defines them: exact until each is rounded once, half up.
import type { Money } from '#libs/kernel';
import { REJECTION_REASONS } from '../clip/rejection-reasons.js';
import { add, divide, multiply, rateText, rational, rationalOf, roundHalfUp, type Rational } from './rational.js';
import type { ReportFigures } from './report.types.js';
import type { Tally } from './tally.js';
import { wilsonInterval } from './wilson.js';

export interface FigureTerms {
  currency: string;
  hourlyRateMinor: number;
  /** Tooling and compliance together; 0 for a group. */
  overheadMinor: number;
}

const NOTHING = rational(0);

export function figuresOf(tally: Tally, { currency, hourlyRateMinor, overheadMinor }: FigureTerms): ReportFigures {
  const { generations, usable, published } = tally;
  const money = (value: Rational): Money => ({ currency, amountMinor: Number(roundHalfUp(value)) });
  const cost = tally.costs.get(currency);
  const generationCost = cost === undefined ? NOTHING : rationalOf(cost.value());
  const minutes = add(...[tally.reviewMinutes, tally.brandReviewMinutes, tally.editingMinutes].map((sum) => rationalOf(sum.value())));
  const humanCost = multiply(minutes, rational(hourlyRateMinor, 60));
  const totalCost = add(generationCost, humanCost, rational(overheadMinor));
  const per = (count: number): Money | null => (count === 0 ? null : money(divide(totalCost, rational(count))));
  return {
    totalGenerations: generations,
    usableClips: usable,
    publishedClips: published,
    usableRate: generations === 0 ? null : rateText(rational(usable, generations)),
    usableRateInterval: generations === 0 ? null : wilsonInterval(usable, generations),
    attemptsPerUsableClip: usable === 0 ? null : rateText(rational(generations, usable)),
    generationCost: money(generationCost),
    reviewMinutes: Number(tally.reviewMinutes.toString()),
    brandReviewMinutes: Number(tally.brandReviewMinutes.toString()),
    editingMinutes: Number(tally.editingMinutes.toString()),
    humanCost: money(humanCost),
    totalCost: money(totalCost),
    costPerUsableClip: per(usable),
    costPerUsableClipReason: usable === 0 ? `no usable clip among ${counted(generations)}` : null,
    costPerPublishedClip: per(published),
    costPerPublishedClipReason: published === 0 ? `no published clip among ${counted(generations)}` : null,
    creditsUsed: Number(tally.creditsUsed.toString()),
    unpricedCredits: Number(tally.unpricedCredits.toString()),
    // In the order of the words, so that the same attempts always give the same answer.
    rejectionReasons: Object.fromEntries(
      REJECTION_REASONS.flatMap((reason) => {
        const count = tally.reasons.get(reason) ?? 0;
        return count === 0 ? [] : [[reason, count]];
      }),
    ),
  };
}

export function counted(generations: number): string {
  return `${generations} ${generations === 1 ? 'generation' : 'generations'}`;
}
