import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRefusal, type Refusal } from '#libs/kernel';
import type { AttemptCell } from '../attempts/attempt-cell.js';
import { cellsOf } from '../attempts/attempt-fold.js';
import { readAttemptLog, recordOf } from '../attempts/attempt-log.js';
import { REJECTION_REASONS } from '../clip/rejection-reasons.js';
import { LOG_STATES, REVIEW_STATES, USABLE_STATES } from '../clip/review-states.js';
import type { AttemptRecord } from '../studio.reads.port.js';
import { costPerUsableClip } from './report.js';
import { REPORT_GROUPS, type Report, type ReportOptions } from './report.types.js';

const OPTIONS: ReportOptions = {
  groupBy: null,
  hourlyRateMinor: 6000,
  toolingCostMinor: 0,
  complianceCostMinor: 0,
  costSource: 'ledger',
  currency: null,
  benchmark: null,
  format: null,
  channel: null,
};

const CELL: AttemptCell = {
  ...{ briefId: null, campaign: null, channel: null, format: null, model: null, promptVersion: null, week: '2026-W21' },
  ...{ state: 'rejected_quality', reasons: ['other'], generations: 1 },
  ...{ reviewMinutes: '0', brandReviewMinutes: '0', editingMinutes: '0', creditsUsed: '0', unpricedCredits: '0' },
  ...{ ledgerCost: {}, providerCost: {} },
};
const cell = (change: Partial<AttemptCell> = {}): AttemptCell => ({ ...CELL, ...change });
const usable = (generations: number, change: Partial<AttemptCell> = {}): AttemptCell =>
  cell({ state: 'approved_to_publish', reasons: [], generations, ...change });
const benchmark = (amountMinor: number, usableRate: string, currency = 'USD'): ReportOptions['benchmark'] => ({
  name: 'today',
  costPerUsableClip: { currency, amountMinor },
  qualityBar: { usableRate },
});
const usd = (amountMinor: number): object => ({ currency: 'USD', amountMinor });

function report(cells: Iterable<AttemptCell>, options: Partial<ReportOptions> = {}): Report {
  const answer = costPerUsableClip(cells, { ...OPTIONS, ...options });
  if (isRefusal(answer)) throw new Error((answer as Refusal).detail);
  return answer;
}

describe("the article's pilot of fifty generations", () => {
  let records: AttemptRecord[];
  let cells: AttemptCell[];
  beforeAll(async () => {
    records = [];
    const file = join(import.meta.dirname, '..', '..', '..', '..', 'demo', 'data', 'pilot-50.jsonl');
    for await (const lines of readAttemptLog(createReadStream(file)))
      for (const line of lines) {
        if ('errors' in line) throw new Error(JSON.stringify(line));
        records.push(recordOf(line.attempt));
      }
    cells = cellsOf(records);
  });

  it("gives the article's figures, to the cent", () => {
    expect(report(cells)).toMatchObject({
      ...{ totalGenerations: 50, usableClips: 8, publishedClips: 5, usableRate: '0.16', attemptsPerUsableClip: '6.25' },
      ...{ generationCost: usd(3000), reviewMinutes: 180, brandReviewMinutes: 0, editingMinutes: 120, humanCost: usd(30_000) },
      ...{ totalCost: usd(33_000), costPerUsableClip: usd(4125), costPerPublishedClip: usd(6600), currency: 'USD' },
      usableRateInterval: { low: '0.083374', high: '0.285142', confidence: '0.95' },
      rejectionReasons: {
        ...{ artifact_or_distortion: 3, product_detail_wrong: 7, brand_mismatch: 5, too_generic: 3, prompt_not_followed: 8 },
        ...{ rights_or_likeness_risk: 3, unsafe_or_policy_risk: 3, needs_editing: 5, other: 2 },
      },
      verdict: null,
      moreGenerations: null,
    });
  });

  it("ends in the article's sentence, whichever way the verdict goes", () => {
    const sentence = 'For this format, on this channel, with this review process, AI video costs $41.25 per usable clip';
    expect(report(cells, { benchmark: benchmark(12_000, '0.15') })).toMatchObject({
      verdict: 'meets',
      statement: `${sentence} and meets our quality bar.`,
    });
    expect(report(cells, { benchmark: benchmark(12_000, '0.25') })).toMatchObject({
      verdict: 'does_not_meet',
      statement: `${sentence} and does not meet our quality bar.`,
    });
    expect(report(cells).statement).toBe(`${sentence}; without a benchmark, nothing says whether it meets our quality bar.`);
  });

  it('is the same from attempts one by one as from cells', () => {
    const singly = records.flatMap((record) => cellsOf([record]));
    for (const groupBy of REPORT_GROUPS) expect(report(singly, { groupBy })).toEqual(report(cells, { groupBy }));
  });

  it('is sliced so that the slices add up', () => {
    for (const groupBy of ['brief', 'model', 'promptVersion', 'week'] as const) {
      const { groups } = report(cells, { groupBy });
      expect(groups.length).toBeGreaterThan(0);
      expect(groups.reduce((sum, group) => sum + group.totalGenerations, 0)).toBe(50);
      expect(groups.reduce((sum, group) => sum + group.totalCost.amountMinor, 0)).toBe(33_000);
    }
    expect(report(cells, { groupBy: 'promptVersion' }).groups.map(({ key }) => key)).toEqual(
      [...new Set(records.map(({ prompt_id, prompt_version }) => `${prompt_id}@${prompt_version}`))].sort(),
    );
    expect(report(cells).trend).toEqual([expect.objectContaining({ week: '2026-W21', totalGenerations: 50, usableClips: 8 })]);
  });

  it('counts an attempt in the group of its reason, and one without a reason in none', () => {
    const { groups } = report(cells, { groupBy: 'rejectionReason' });
    expect(Object.fromEntries(groups.map(({ key, totalGenerations }) => [key, totalGenerations]))).toEqual(report(cells).rejectionReasons);
  });

  it('says first what failed, then what to fix, the most frequent first, then how firm it is', () => {
    const { nextSteps, moreGenerations } = report(cells, { benchmark: benchmark(4000, '0.25') });
    expect(moreGenerations).toBe(39);
    expect(nextSteps).toEqual([
      'The cost fails: $41.25 per usable clip against $40.00 of today.',
      'The usable rate fails: 16% against the quality bar of 25%.',
      '11 clips were turned down for not following the prompt or being too generic: fix the prompt template.',
      '7 clips were turned down for a wrong product detail: use AI video for background visuals or pre-production instead of exact product shots.',
      '6 clips were turned down for rights, likeness or policy: the bottleneck is risk, not the model: its cost is probably irrelevant.',
      "5 clips were turned down for not fitting the brand: put the brand's rules into the brief and the template.",
      '5 clips were turned down for needing an edit: plan editing time for what is nearly right, before generating it anew.',
      '3 clips were turned down for artifacts or distortion: try another model, or shorter and simpler shots.',
      '2 clips were turned down for another reason: read the notes: a reason that comes up often deserves a name.',
      '3 generations failed and brought no clip: look at the provider before the prompt.',
      "The usable rate is not firm yet: with 95% confidence it is 8.3% to 28.5%, on both sides of the bar of 25%. At today's rate, 39 more generations would settle it.",
    ]);
  });
});

describe('cost per usable clip', () => {
  it('adds decimals exactly and rounds once, half up, at the end', () => {
    const tenths = [
      usable(1, { ledgerCost: { USD: '0.1' }, reviewMinutes: '0.1' }),
      cell({ ledgerCost: { USD: '0.2' }, reviewMinutes: '0.2' }),
    ];
    expect(report(tenths, { hourlyRateMinor: 0 })).toMatchObject({ generationCost: usd(0), reviewMinutes: 0.3, totalCost: usd(0) });
    const halves = [usable(1, { ledgerCost: { USD: '0.25' } }), cell({ ledgerCost: { USD: '0.25' } })];
    expect(report(halves)).toMatchObject({ generationCost: usd(1), costPerUsableClip: usd(1) });
    // 1/3 of a minute's pay each, three times: 100 minor units an hour × 36 min = 60, not 3 × 20 rounded from 19.99….
    const thirds = [usable(3, { reviewMinutes: '36' })];
    expect(report(thirds, { hourlyRateMinor: 101 })).toMatchObject({ humanCost: usd(61), totalCost: usd(61), costPerUsableClip: usd(20) });
    expect(report([usable(8, { ledgerCost: { USD: '332' } })])).toMatchObject({ costPerUsableClip: usd(42) });
  });

  it('rounds rates half up to six decimals and drops their zeros', () => {
    expect(report([usable(2), cell({ generations: 1 })])).toMatchObject({ usableRate: '0.666667', attemptsPerUsableClip: '1.5' });
    expect(report([usable(1), cell({ generations: 63 })])).toMatchObject({ usableRate: '0.015625', attemptsPerUsableClip: '64' });
    expect(report([usable(1), cell({ generations: 1_999_999 })]).usableRate).toBe('0.000001');
    expect(report([usable(4)])).toMatchObject({ usableRate: '1', attemptsPerUsableClip: '1' });
  });

  it('counts brand review as human time, and tooling and compliance in the whole alone', () => {
    const cells = [
      usable(2, { reviewMinutes: '10', brandReviewMinutes: '20', editingMinutes: '30', ledgerCost: { USD: '500' }, model: 'a' }),
    ];
    const answer = report(cells, { toolingCostMinor: 300, complianceCostMinor: 200, groupBy: 'model' });
    expect(answer).toMatchObject({ humanCost: usd(6000), totalCost: usd(7000), costPerUsableClip: usd(3500) });
    expect(answer).toMatchObject({ toolingCost: usd(300), complianceCost: usd(200), hourlyRate: usd(6000) });
    expect(answer.groups).toEqual([expect.objectContaining({ key: 'a', totalCost: usd(6500), costPerUsableClip: usd(3250) })]);
    expect(answer.trend).toEqual([expect.objectContaining({ totalCost: usd(6500) })]);
  });

  it('never divides by nothing: null, with the reason, in the figure and in the sentence', () => {
    const none = report([cell({ generations: 16, ledgerCost: { USD: '1000' } })], { benchmark: benchmark(1000, '0.2') });
    expect(none).toMatchObject({
      ...{ costPerUsableClip: null, costPerUsableClipReason: 'no usable clip among 16 generations', attemptsPerUsableClip: null },
      ...{ costPerPublishedClip: null, costPerPublishedClipReason: 'no published clip among 16 generations' },
      ...{ usableRate: '0', totalCost: usd(1000), verdict: 'does_not_meet' },
      statement:
        'For this format, on this channel, with this review process, AI video has no cost per usable clip (no usable clip among 16 generations) and does not meet our quality bar.',
    });
    expect(none.usableRateInterval?.low).toBe('0');
    expect(none.nextSteps.slice(0, 2)).toEqual([
      'The cost fails: no usable clip among 16 generations, against $10.00 of today.',
      'The usable rate fails: 0% against the quality bar of 20%.',
    ]);
    expect(report([cell({ generations: 1 })]).costPerUsableClipReason).toBe('no usable clip among 1 generation');
    expect(report([usable(2)])).toMatchObject({
      costPerUsableClipReason: null,
      costPerPublishedClipReason: 'no published clip among 2 generations',
    });
    expect(report([], { benchmark: benchmark(1000, '0.2') })).toMatchObject({
      ...{ totalGenerations: 0, usableRate: null, usableRateInterval: null, verdict: null, moreGenerations: null, groups: [], trend: [] },
      ...{ costPerUsableClipReason: 'no usable clip among 0 generations', totalCost: usd(0) },
      statement: expect.stringContaining('without a generation, nothing says whether it meets our quality bar.'),
    });
  });

  it('meets the bar only with both the cost and the usable rate, and at the very bar it does', () => {
    const cells = [usable(1, { ledgerCost: { USD: '1000' } }), cell({ generations: 3 })];
    expect(report(cells, { benchmark: benchmark(1000, '0.25') })).toMatchObject({ verdict: 'meets', moreGenerations: null });
    const dear = report(cells, { benchmark: benchmark(999, '0.25') });
    expect([dear.verdict, dear.nextSteps[0]]).toEqual(['does_not_meet', 'The cost fails: $10.00 per usable clip against $9.99 of today.']);
    expect(dear.nextSteps.some((step) => step.startsWith('The usable rate fails'))).toBe(false);
    const poor = report(cells, { benchmark: benchmark(1000, '0.250001') });
    expect([poor.verdict, poor.nextSteps[0]]).toEqual(['does_not_meet', 'The usable rate fails: 25% against the quality bar of 25.0001%.']);
  });

  it('names the format and the channel that all attempts share', () => {
    const place = { format: 'social_broll', channel: 'instagram_reel' };
    expect(report([usable(1, place), cell(place)]).statement).toMatch(/^For social_broll, on instagram_reel, with this review process, /);
    expect(report([usable(1, place), cell({ format: 'social_broll' })]).statement).toMatch(/^For social_broll, on this channel, /);
    expect(report([usable(1)], { format: 'teaser', channel: 'tiktok' }).statement).toMatch(/^For teaser, on tiktok, /);
  });

  it('refuses to choose between currencies, and says what it left out when one was named', () => {
    const cells = [usable(1, { ledgerCost: { USD: '100' } }), cell({ ledgerCost: { EUR: '50' } })];
    expect(costPerUsableClip(cells, OPTIONS)).toMatchObject({
      ...{ refused: true, code: 'validation_failed' },
      fields: { errors: [{ pointer: '/currency', detail: expect.stringContaining('one of EUR, USD') }] },
    });
    expect(report(cells, { currency: 'EUR', hourlyRateMinor: 0 })).toMatchObject({
      costPerUsableClip: { currency: 'EUR', amountMinor: 50 },
      statement: expect.stringMatching(/costs 0\.50 EUR per usable clip; .* What was paid in USD is not in the cost\.$/),
    });
    expect(report([usable(1, { ledgerCost: { USD: '100', EUR: '0' } })]).currency).toBe('USD');
    expect(report([usable(1, { ledgerCost: { JPY: '1500' } })]).statement).toContain('costs 1500 JPY per usable clip');
    expect(report([usable(1)]).currency).toBe('USD');
    expect(report([usable(1)], { benchmark: benchmark(1, '0', 'CHF') }).currency).toBe('CHF');
  });

  it('compares nothing with a benchmark in another currency', () => {
    const answer = report([usable(1, { ledgerCost: { USD: '100' } })], { benchmark: benchmark(100, '0.1', 'EUR') });
    expect(answer.verdict).toBeNull();
    expect(answer.statement).toContain('the benchmark is in EUR and this report in USD, so nothing says whether it meets our quality bar');
  });

  it("takes the ledger's cost or the provider's", () => {
    const cells = [usable(1, { ledgerCost: { USD: '100' }, providerCost: { USD: '40' } })];
    expect(report(cells).generationCost).toEqual(usd(100));
    expect(report(cells, { costSource: 'provider' })).toMatchObject({ generationCost: usd(40), costSource: 'provider' });
    expect(report([usable(1, { ledgerCost: { USD: '-50' } })]).costPerUsableClip).toEqual(usd(-50));
  });

  it('says how many credits have no cost', () => {
    const answer = report([usable(1, { creditsUsed: '42', unpricedCredits: '7' })]);
    expect(answer).toMatchObject({ creditsUsed: 42, unpricedCredits: 7 });
    expect(answer.statement).toMatch(/\. 7 credits were drawn from grants without a cost basis and are not in the cost\.$/);
    expect(report([usable(1, { creditsUsed: '42' })]).statement).not.toContain('credit');
  });

  it('counts an attempt with several reasons in each of their groups, and once in the whole', () => {
    const cells = [
      cell({ reasons: ['artifact_or_distortion', 'too_generic'], generations: 2 }),
      cell({ reasons: ['too_generic'] }),
      usable(1),
    ];
    const { groups, totalGenerations, rejectionReasons } = report(cells, { groupBy: 'rejectionReason' });
    expect(totalGenerations).toBe(4);
    expect(rejectionReasons).toEqual({ artifact_or_distortion: 2, too_generic: 3 });
    expect(groups.map(({ key, totalGenerations: count, usableClips }) => [key, count, usableClips])).toEqual([
      ['artifact_or_distortion', 2, 0],
      ['too_generic', 3, 0],
    ]);
  });

  it('lists weeks in the order of time', () => {
    const weeks = ['2026-W53', '2027-W01', '2026-W09'].map((week) => usable(1, { week }));
    expect(report(weeks).trend.map(({ week }) => week)).toEqual(['2026-W09', '2026-W53', '2027-W01']);
  });
});

const decimals = fc.tuple(fc.nat(99_999), fc.nat(999)).map(([whole, part]) => `${whole}.${String(part).padStart(3, '0')}`);
const cells = fc.array(
  fc.record({
    briefId: fc.constantFrom('b1', 'b2'),
    campaign: fc.constantFrom('spring', null),
    channel: fc.constantFrom('reel', 'feed'),
    format: fc.constantFrom('broll', 'hook'),
    model: fc.constantFrom('m1', 'm2'),
    promptVersion: fc.constantFrom('p@v1', 'p@v2', ''),
    week: fc.constantFrom('2026-W20', '2026-W21'),
    state: fc.constantFrom(...REVIEW_STATES, ...LOG_STATES),
    reasons: fc.uniqueArray(fc.constantFrom(...REJECTION_REASONS), { maxLength: 3 }),
    generations: fc.constant(1),
    reviewMinutes: decimals,
    brandReviewMinutes: decimals,
    editingMinutes: decimals,
    creditsUsed: decimals,
    unpricedCredits: fc.constant('0'),
    ledgerCost: decimals.map((USD): Record<string, string> => ({ USD })),
    providerCost: decimals.map((USD): Record<string, string> => ({ USD })),
  }),
  { minLength: 1, maxLength: 40 },
);

/** Two cells that share all their slices, as one. */
function merged(a: AttemptCell, b: AttemptCell): AttemptCell {
  const sum = (x: string, y: string): string => {
    const thousandths = [x, y]
      .reduce((total, text) => total + BigInt(text.replace('.', '')), 0n)
      .toString()
      .padStart(4, '0');
    return `${thousandths.slice(0, -3)}.${thousandths.slice(-3)}`;
  };
  const usdSum = (x: Readonly<Record<string, string>>, y: Readonly<Record<string, string>>) => ({ USD: sum(x['USD']!, y['USD']!) });
  return {
    ...a,
    generations: a.generations + b.generations,
    reviewMinutes: sum(a.reviewMinutes, b.reviewMinutes),
    brandReviewMinutes: sum(a.brandReviewMinutes, b.brandReviewMinutes),
    editingMinutes: sum(a.editingMinutes, b.editingMinutes),
    creditsUsed: sum(a.creditsUsed, b.creditsUsed),
    ledgerCost: usdSum(a.ledgerCost, b.ledgerCost),
    providerCost: usdSum(a.providerCost, b.providerCost),
  };
}

describe('a report', () => {
  it('is the same in whichever order and fineness its cells come', () => {
    fc.assert(
      fc.property(cells, fc.constantFrom(...REPORT_GROUPS, null), fc.infiniteStream(fc.nat()), (list, groupBy, random) => {
        const coarse = new Map<string, AttemptCell>();
        for (const each of list) {
          const { briefId, campaign, channel, format, model, promptVersion, week, state, reasons } = each;
          const key = JSON.stringify([briefId, campaign, channel, format, model, promptVersion, week, state, reasons]);
          const known = coarse.get(key);
          coarse.set(key, known === undefined ? each : merged(known, each));
        }
        const places = list.map((each) => ({ each, place: random.next().value }));
        const shuffled = places.sort((a, b) => a.place - b.place).map(({ each }) => each);
        const expected = report(list, { groupBy });
        expect(report(coarse.values(), { groupBy })).toEqual(expected);
        expect(report(shuffled, { groupBy })).toEqual(expected);
      }),
    );
  });

  it('adds up as whole numbers of thousandths do', () => {
    fc.assert(
      fc.property(cells, (list) => {
        const thousandths = (pick: (each: AttemptCell) => string): bigint =>
          list.reduce((sum, each) => sum + BigInt(pick(each).replace('.', '')), 0n);
        const minutes =
          thousandths((each) => each.reviewMinutes) +
          thousandths((each) => each.brandReviewMinutes) +
          thousandths((each) => each.editingMinutes);
        const answer = report(list, { hourlyRateMinor: 6000, toolingCostMinor: 17 });
        // 6,000 minor units an hour are 100 a minute, so the total in thousandths of minor units is a whole number.
        const total = thousandths((each) => each.ledgerCost['USD']!) + minutes * 100n + 17_000n;
        const rounded = (value: bigint, by: bigint): number => Number((2n * value + by) / (2n * by));
        expect(answer.totalCost.amountMinor).toBe(rounded(total, 1000n));
        const count = list.filter(({ state }) => USABLE_STATES.has(state)).length;
        expect(answer.usableClips).toBe(count);
        expect(answer.costPerUsableClip?.amountMinor ?? null).toBe(count === 0 ? null : rounded(total, 1000n * BigInt(count)));
      }),
    );
  });
});
