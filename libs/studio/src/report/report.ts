// query · the report on cost per usable clip over any set of attempts; pure, called by the API and by the pilot.
import { invariant, parseFraction, refuse, type Refusal } from '#libs/kernel';
import type { AttemptCell } from '../attempts/attempt-cell.js';
import { figuresOf } from './figures.js';
import { nextStepsOf } from './next-steps.js';
import { compare, rational, rationalOf, type Rational } from './rational.js';
import type { Report, ReportFigures, ReportGroup, ReportOptions } from './report.types.js';
import { statementOf } from './statement.js';
import { Tally } from './tally.js';
import { generationsUntilFirm } from './wilson.js';

/** Where no attempt and no benchmark says one. */
const CURRENCY_DEFAULT = 'USD';

/** Refuses only where attempts cost something in several currencies and `options.currency` says none: `validation_failed`, pointer /currency. */
export function costPerUsableClip(cells: Iterable<AttemptCell>, options: ReportOptions): Report | Refusal<'validation_failed'> {
  const tallies = tallied(cells, options);
  const { whole, groups, weeks } = tallies;
  const currencies = [...whole.costs].filter(([, sum]) => sum.value().digits !== 0n).map(([currency]) => currency);
  if (options.currency === null && currencies.length > 1) return refuseCurrencies(currencies.sort());
  const currency =
    options.currency ?? currencies[0] ?? soleKey(whole.costs) ?? options.benchmark?.costPerUsableClip.currency ?? CURRENCY_DEFAULT;

  const { hourlyRateMinor, toolingCostMinor, complianceCostMinor, benchmark, costSource } = options;
  const terms = { currency, hourlyRateMinor, overheadMinor: 0 };
  const figures = figuresOf(whole, { ...terms, overheadMinor: toolingCostMinor + complianceCostMinor });
  const judged = judge(whole, figures, currency, benchmark);
  const { verdict, moreGenerations } = judged;
  const place = {
    format: options.format ?? tallies.format.sole,
    channel: options.channel ?? tallies.channel.sole,
    leftOut: currencies.filter((other) => other !== currency).sort(),
  };
  return {
    ...figures,
    currency,
    costSource,
    hourlyRate: { currency, amountMinor: hourlyRateMinor },
    toolingCost: { currency, amountMinor: toolingCostMinor },
    complianceCost: { currency, amountMinor: complianceCostMinor },
    groups: sorted(groups).map(([key, tally]) => ({ key, ...figuresOf(tally, terms) })),
    trend: sorted(weeks).map(([week, tally]) => ({ week, ...figuresOf(tally, terms) })),
    benchmark,
    verdict,
    moreGenerations,
    statement: statementOf({ ...figures, verdict, benchmark, currency }, place),
    nextSteps: nextStepsOf({ ...figures, ...judged, benchmark, failed: whole.failed }),
  };
}

function refuseCurrencies(currencies: readonly string[]): Refusal<'validation_failed'> {
  const detail = `names one of ${currencies.join(', ')}: the attempts cost something in each of them, and there is no conversion`;
  return refuse('validation_failed', `/currency ${detail}`, { errors: [{ pointer: '/currency', detail }] });
}

/** The one value that all attempts share; null where they differ, or one has none. */
class Shared {
  #value: string | null | undefined;

  see(value: string | null): void {
    this.#value = this.#value === undefined || this.#value === value ? value : null;
  }

  get sole(): string | null {
    return this.#value === undefined || this.#value === '' ? null : this.#value;
  }
}

function tallied(cells: Iterable<AttemptCell>, { groupBy, costSource }: ReportOptions) {
  const whole = new Tally(costSource);
  const groups = new Map<string, Tally>();
  const weeks = new Map<string, Tally>();
  const [format, channel] = [new Shared(), new Shared()];
  const into = (tallies: Map<string, Tally>, key: string, cell: AttemptCell): void => {
    let tally = tallies.get(key);
    if (tally === undefined) tallies.set(key, (tally = new Tally(costSource)));
    tally.add(cell);
  };
  for (const cell of cells) {
    whole.add(cell);
    if (groupBy !== null) for (const key of groupKeys(cell, groupBy)) into(groups, key, cell);
    if (cell.week !== null) into(weeks, cell.week, cell);
    format.see(cell.format);
    channel.see(cell.channel);
  }
  return { whole, groups, weeks, format, channel };
}

/** An attempt turned down for several reasons counts in each, one without any in none; '' is the group of those whose brief is not known here or says nothing. */
function groupKeys(cell: AttemptCell, groupBy: ReportGroup): readonly string[] {
  switch (groupBy) {
    case 'brief':
      return [cell.briefId ?? ''];
    case 'campaign':
      return [cell.campaign ?? ''];
    case 'channel':
      return [cell.channel ?? ''];
    case 'format':
      return [cell.format ?? ''];
    case 'model':
      return [cell.model ?? ''];
    case 'promptVersion':
      return [cell.promptVersion ?? ''];
    case 'week':
      return [cell.week ?? ''];
    case 'rejectionReason':
      return cell.reasons;
  }
}

interface Judgement {
  verdict: Report['verdict'];
  costFails: boolean;
  rateFails: boolean;
  moreGenerations: number | null;
}

/** The cost is compared as it is shown, rounded; the rate exactly. */
function judge(
  whole: Tally,
  { costPerUsableClip: cost }: ReportFigures,
  currency: string,
  benchmark: ReportOptions['benchmark'],
): Judgement {
  if (benchmark === null) return { verdict: null, costFails: false, rateFails: false, moreGenerations: null };
  const bar = barOf(benchmark.qualityBar.usableRate);
  const moreGenerations = generationsUntilFirm(whole.usable, whole.generations, bar);
  if (whole.generations === 0 || benchmark.costPerUsableClip.currency !== currency)
    return { verdict: null, costFails: false, rateFails: false, moreGenerations };
  const costFails = cost === null || cost.amountMinor > benchmark.costPerUsableClip.amountMinor;
  const rateFails = compare(rational(whole.usable, whole.generations), bar) < 0;
  return { verdict: costFails || rateFails ? 'does_not_meet' : 'meets', costFails, rateFails, moreGenerations };
}

function barOf(usableRate: string): Rational {
  const bar = parseFraction(usableRate);
  invariant(bar !== null, () => `a quality bar of ${usableRate}`);
  return rationalOf(bar);
}

function soleKey(costs: ReadonlyMap<string, unknown>): string | null {
  return costs.size === 1 ? ([...costs.keys()][0] ?? null) : null;
}

function sorted(tallies: ReadonlyMap<string, Tally>): Array<[string, Tally]> {
  return [...tallies].sort(([a], [b]) => (a < b ? -1 : 1));
}
