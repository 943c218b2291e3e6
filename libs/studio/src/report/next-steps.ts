// query · what to fix next, said from the reasons of the rejections, most frequent first, and which half of the verdict failed.
import type { RejectionReason } from '../clip/rejection-reasons.js';
import { counted } from './figures.js';
import type { Report, ReportFigures } from './report.types.js';
import { moneyText, percentText } from './statement.js';

interface Cause {
  reasons: readonly RejectionReason[];
  what: string;
  step: string;
}

const CAUSES: readonly Cause[] = [
  {
    reasons: ['prompt_not_followed', 'too_generic'],
    what: 'for not following the prompt or being too generic',
    step: 'fix the prompt template.',
  },
  {
    reasons: ['product_detail_wrong'],
    what: 'for a wrong product detail',
    step: 'use AI video for background visuals or pre-production instead of exact product shots.',
  },
  {
    reasons: ['rights_or_likeness_risk', 'unsafe_or_policy_risk'],
    what: 'for rights, likeness or policy',
    step: 'the bottleneck is risk, not the model: its cost is probably irrelevant.',
  },
  { reasons: ['artifact_or_distortion'], what: 'for artifacts or distortion', step: 'try another model, or shorter and simpler shots.' },
  { reasons: ['brand_mismatch'], what: 'for not fitting the brand', step: "put the brand's rules into the brief and the template." },
  {
    reasons: ['needs_editing'],
    what: 'for needing an edit',
    step: 'plan editing time for what is nearly right, before generating it anew.',
  },
  { reasons: ['other'], what: 'for another reason', step: 'read the notes: a reason that comes up often deserves a name.' },
];

export interface NextStepFigures extends Pick<
  ReportFigures,
  'costPerUsableClip' | 'costPerUsableClipReason' | 'usableRate' | 'usableRateInterval'
> {
  benchmark: Report['benchmark'];
  verdict: Report['verdict'];
  moreGenerations: number | null;
  rejectionReasons: ReportFigures['rejectionReasons'];
  /** Generations that brought no clip. */
  failed: number;
  costFails: boolean;
  rateFails: boolean;
}

export function nextStepsOf(figures: NextStepFigures): string[] {
  return [...failures(figures), ...fixes(figures), ...firmness(figures)];
}

function failures({
  benchmark,
  verdict,
  costFails,
  rateFails,
  costPerUsableClip,
  costPerUsableClipReason,
  usableRate,
}: NextStepFigures): string[] {
  if (benchmark === null || verdict !== 'does_not_meet') return [];
  const steps: string[] = [];
  const today = `${moneyText(benchmark.costPerUsableClip)} of ${benchmark.name}`;
  if (costFails && costPerUsableClip === null) steps.push(`The cost fails: ${costPerUsableClipReason ?? ''}, against ${today}.`);
  if (costFails && costPerUsableClip !== null)
    steps.push(`The cost fails: ${moneyText(costPerUsableClip)} per usable clip against ${today}.`);
  if (rateFails)
    steps.push(
      `The usable rate fails: ${percentText(usableRate ?? '0')} against the quality bar of ${percentText(benchmark.qualityBar.usableRate)}.`,
    );
  return steps;
}

function fixes({ rejectionReasons, failed }: NextStepFigures): string[] {
  const causes = CAUSES.map((cause) => ({
    ...cause,
    count: cause.reasons.reduce((sum, reason) => sum + (rejectionReasons[reason] ?? 0), 0),
  })).filter(({ count }) => count > 0);
  const steps = causes
    .sort((a, b) => b.count - a.count)
    .map(({ count, what, step }) => `${count === 1 ? '1 clip was' : `${count} clips were`} turned down ${what}: ${step}`);
  if (failed > 0) steps.push(`${counted(failed)} failed and brought no clip: look at the provider before the prompt.`);
  return steps;
}

function firmness({ benchmark, moreGenerations, usableRateInterval }: NextStepFigures): string[] {
  if (benchmark === null || moreGenerations === null || moreGenerations === 0 || usableRateInterval === null) return [];
  const { low, high } = usableRateInterval;
  const bar = percentText(benchmark.qualityBar.usableRate);
  const range = `${nearly(low)} to ${nearly(high)}`;
  const more = `${moreGenerations} more ${moreGenerations === 1 ? 'generation' : 'generations'}`;
  return [
    `The usable rate is not firm yet: with 95% confidence it is ${range}, on both sides of the bar of ${bar}. At today's rate, ${more} would settle it.`,
  ];
}

/** An interval's end, as precise as it deserves. */
function nearly(rate: string): string {
  return `${(Number(rate) * 100).toFixed(1)}%`;
}
