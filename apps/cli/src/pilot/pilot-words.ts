// How the figures of a pilot read, in all of its forms.
import { moneyText, percentText, type ReportFigures, type ReportGroup } from '#libs/studio';
import { largest, type Group, type Pilot } from './pilot.js';

export const NONE = 'none';

export interface FigureRow {
  name: string;
  value: string;
  note: string;
}

/** Both tables of the summary: what was made, and what it cost. */
export function madeRows({ report }: Pilot): FigureRow[] {
  const { totalGenerations, usableClips, publishedClips, attemptsPerUsableClip } = report;
  return [
    { name: 'Generations', value: String(totalGenerations), note: '' },
    { name: 'Usable clips', value: String(usableClips), note: rateNote(report) },
    { name: 'Published clips', value: String(publishedClips), note: '' },
    { name: 'Attempts per usable clip', value: attemptsPerUsableClip ?? NONE, note: '' },
  ];
}

export function costRows({ report }: Pilot): FigureRow[] {
  const { generationCost, humanCost, complianceCost, toolingCost, totalCost, hourlyRate, benchmark } = report;
  const minutes = `${report.reviewMinutes} min of review, ${report.editingMinutes} min of editing, at ${moneyText(hourlyRate)} an hour`;
  const optional = [
    { name: 'Compliance', cost: complianceCost },
    { name: 'Tooling', cost: toolingCost },
  ].filter(({ cost }) => cost.amountMinor !== 0);
  const today = benchmark === null ? '' : `${moneyText(benchmark.costPerUsableClip)} in ${benchmark.name}`;
  return [
    { name: 'Generation', value: moneyText(generationCost), note: '' },
    { name: 'People', value: moneyText(humanCost), note: minutes },
    ...optional.map(({ name, cost }) => ({ name, value: moneyText(cost), note: '' })),
    { name: 'Total', value: moneyText(totalCost), note: '' },
    { name: 'Per usable clip', value: costText(report), note: report.costPerUsableClipReason ?? today },
    { name: 'Per published clip', value: publishedText(report), note: report.costPerPublishedClipReason ?? '' },
  ];
}

function rateNote({ usableRate, usableRateInterval }: ReportFigures): string {
  if (usableRate === null || usableRateInterval === null) return '';
  const { low, high } = usableRateInterval;
  return `${percentText(usableRate)}; with 95% confidence ${nearly(low)} to ${nearly(high)}`;
}

export function costText({ costPerUsableClip }: ReportFigures): string {
  return costPerUsableClip === null ? NONE : moneyText(costPerUsableClip);
}

function publishedText({ costPerPublishedClip }: ReportFigures): string {
  return costPerPublishedClip === null ? NONE : moneyText(costPerPublishedClip);
}

export function rateText({ usableRate }: ReportFigures): string {
  return usableRate === null ? NONE : nearly(usableRate);
}

export function intervalText({ usableRateInterval }: ReportFigures): string {
  return usableRateInterval === null ? NONE : `${nearly(usableRateInterval.low)} to ${nearly(usableRateInterval.high)}`;
}

/** One decimal is as precise as a pilot's rates are. */
export function nearly(rate: string): string {
  return `${(Number(rate) * 100).toFixed(1).replace(/\.0$/, '')}%`;
}

export interface Slice {
  title: string;
  head: string;
  groups: Group[];
  /** How many of them are not shown. */
  hidden: number;
}

const TITLES: Readonly<Record<ReportGroup, string>> = {
  brief: 'brief',
  campaign: 'campaign',
  channel: 'channel',
  format: 'format',
  model: 'model',
  promptVersion: 'prompt version',
  rejectionReason: 'rejection reason',
  week: 'week',
};

/** Prompt versions and models always, what was asked for beside them, and weeks where there are several. */
export function slicesOf(pilot: Pilot): Slice[] {
  const { report, groupBy } = pilot;
  const slices = [sliceOf('promptVersion', pilot.byPromptVersion), sliceOf('model', pilot.byModel)];
  if (groupBy !== null && groupBy !== 'promptVersion' && groupBy !== 'model') slices.push(sliceOf(groupBy, report.groups));
  if (groupBy !== 'week' && report.trend.length > 1)
    slices.push(
      sliceOf(
        'week',
        report.trend.map(({ week, ...figures }) => ({ key: week, ...figures })),
      ),
    );
  return slices.filter(({ groups }) => groups.length > 0);
}

function sliceOf(groupBy: ReportGroup, groups: readonly Group[]): Slice {
  const shown = largest(groups);
  const name = TITLES[groupBy];
  return { title: `By ${name}`, head: name.charAt(0).toUpperCase() + name.slice(1), groups: shown, hidden: groups.length - shown.length };
}

export const SLICE_HEAD = ['Generations', 'Usable', 'Usable rate', '95% interval', 'Total cost', 'Per usable clip'] as const;

export function sliceCells(group: Group): string[] {
  return [
    ...[String(group.totalGenerations), String(group.usableClips), rateText(group), intervalText(group)],
    ...[moneyText(group.totalCost), costText(group)],
  ];
}

export function keyText(key: string): string {
  return key === '' ? NONE : key;
}

/** Where the figures come from, and what was left out of them. */
export function sourceText({ log }: Pilot): string {
  const { source, accepted, duplicates, rejectedCount, period } = log;
  const days = period === null ? '' : `, ${period.from === period.to ? period.from : `${period.from} to ${period.to}`}`;
  const parts = [`${accepted} ${accepted === 1 ? 'attempt' : 'attempts'} from ${source}${days}`];
  if (duplicates > 0) parts.push(`${duplicates} ${duplicates === 1 ? 'line' : 'lines'} said twice and counted once`);
  if (rejectedCount > 0) parts.push(`${rejectedCount} ${rejectedCount === 1 ? 'line' : 'lines'} refused and not counted`);
  return `${parts.join('; ')}.`;
}

export const METHOD =
  'Usable: approved to publish, scheduled or published. Cost: generation, review and editing at the hourly rate, compliance and tooling; exact, and rounded once. Slices carry no compliance or tooling. Intervals: Wilson, 95%.';
