// query · the sentence that a report ends in, with its numbers, and how money and rates are written for people.
import { majorUnits } from '#libs/finance';
import type { Money } from '#libs/kernel';
import type { Report } from './report.types.js';

export type StatementFigures = Pick<
  Report,
  'costPerUsableClip' | 'costPerUsableClipReason' | 'verdict' | 'benchmark' | 'currency' | 'unpricedCredits' | 'totalGenerations'
>;

export interface StatementPlace {
  format: string | null;
  channel: string | null;
  /** Currencies that some attempts cost something in and the report was not asked for. */
  leftOut: readonly string[];
}

export function statementOf(figures: StatementFigures, { format, channel, leftOut }: StatementPlace): string {
  const { costPerUsableClip, costPerUsableClipReason } = figures;
  const place = `For ${format ?? 'this format'}, on ${channel ?? 'this channel'}, with this review process,`;
  const cost =
    costPerUsableClip === null
      ? `AI video has no cost per usable clip (${costPerUsableClipReason ?? ''})`
      : `AI video costs ${moneyText(costPerUsableClip)} per usable clip`;
  return [`${place} ${cost}${barText(figures)}.`, ...caveats(figures, leftOut)].join(' ');
}

function barText({ verdict, benchmark, currency, totalGenerations }: StatementFigures): string {
  switch (verdict) {
    case 'meets':
      return ' and meets our quality bar';
    case 'does_not_meet':
      return ' and does not meet our quality bar';
    case null:
      if (benchmark === null) return '; without a benchmark, nothing says whether it meets our quality bar';
      if (totalGenerations === 0) return '; without a generation, nothing says whether it meets our quality bar';
      return `; the benchmark is in ${benchmark.costPerUsableClip.currency} and this report in ${currency}, so nothing says whether it meets our quality bar`;
  }
}

function caveats({ unpricedCredits }: StatementFigures, leftOut: readonly string[]): string[] {
  const said: string[] = [];
  if (unpricedCredits > 0) {
    const [credits, are] = unpricedCredits === 1 ? ['credit was', 'is'] : ['credits were', 'are'];
    said.push(`${unpricedCredits} ${credits} drawn from grants without a cost basis and ${are} not in the cost.`);
  }
  if (leftOut.length > 0) said.push(`What was paid in ${listed(leftOut)} is not in the cost.`);
  return said;
}

/** `$41.25`; any other currency than dollars by its code, `41.25 EUR`. */
export function moneyText({ currency, amountMinor }: Money): string {
  const text = majorUnits(amountMinor, currency);
  if (currency !== 'USD') return `${text} ${currency}`;
  return text.startsWith('-') ? `-$${text.slice(1)}` : `$${text}`;
}

/** A rate of the report as a percentage, exactly: `0.16` → `16%`. */
export function percentText(rate: string): string {
  const [whole = '0', fraction = ''] = rate.split('.');
  const digits = (whole + fraction.padEnd(2, '0').slice(0, 2)).replace(/^0+(?=\d)/, '');
  const rest = fraction.slice(2).replace(/0+$/, '');
  return `${digits}${rest === '' ? '' : `.${rest}`}%`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}
