// 2 decide · how a benchmark is set, and what its facts add up to: the last one said; called by its handler and by read models.
import {
  formatDecimal,
  isRefusal,
  parseFraction,
  toIso,
  UNCHANGED,
  type Decider,
  type InstantMs,
  type Refusal,
  type Unchanged,
} from '#libs/kernel';
import { refuseFields, type FieldError } from '#libs/catalogue';
import { isCurrency } from '#libs/ledger';
import { STUDIO_ID_PATTERN } from '../checks.js';
import type { SetBenchmark } from '../studio.messages.js';
import type { BenchmarkView } from '../studio.views.js';
import type { BenchmarkFact } from './benchmark.facts.js';

export interface BenchmarkState {
  /** Null where there is none. */
  set: BenchmarkFact['data'] | null;
}

export function decideSetBenchmark(
  { set }: BenchmarkState,
  name: string,
  { costPerUsableClip, qualityBar }: SetBenchmark['input'],
  at: InstantMs,
): BenchmarkFact[] | Unchanged | Refusal<'validation_failed'> {
  const checked = checkBenchmark(name, { costPerUsableClip, qualityBar });
  if (isRefusal(checked)) return checked;
  const { currency, amountMinor } = costPerUsableClip;
  const isSame =
    set?.qualityBar.usableRate === checked.usableRate &&
    set.costPerUsableClip.currency === currency &&
    set.costPerUsableClip.amountMinor === amountMinor;
  if (isSame) return UNCHANGED;
  const data = { name, costPerUsableClip: { currency, amountMinor }, qualityBar: { usableRate: checked.usableRate }, decidedAt: toIso(at) };
  return [{ type: 'BenchmarkSet', data }];
}

export function evolveBenchmark(state: BenchmarkState, { data }: BenchmarkFact): BenchmarkState {
  state.set = data;
  return state;
}

export const benchmarkDecider: Decider<BenchmarkState, BenchmarkFact> = {
  category: 'benchmark',
  initial: () => ({ set: null }),
  evolve: evolveBenchmark,
};

export function benchmarkView({ name, costPerUsableClip, qualityBar, decidedAt }: BenchmarkFact['data'], position: string): BenchmarkView {
  return { name, costPerUsableClip: { ...costPerUsableClip }, qualityBar: { ...qualityBar }, updatedAt: decidedAt, position };
}

/** Answers the usable rate in its shortest form. */
export function checkBenchmark(
  name: string,
  { costPerUsableClip: { currency, amountMinor }, qualityBar }: SetBenchmark['input'],
): { usableRate: string } | Refusal<'validation_failed'> {
  const errors: FieldError[] = [];
  if (!STUDIO_ID_PATTERN.test(name)) errors.push({ pointer: '/name', detail: `must match ${STUDIO_ID_PATTERN.source}` });
  if (!isCurrency(currency)) errors.push({ pointer: '/costPerUsableClip/currency', detail: 'must be an ISO 4217 code' });
  if (!Number.isSafeInteger(amountMinor) || amountMinor < 0)
    errors.push({ pointer: '/costPerUsableClip/amountMinor', detail: 'must be a whole number of minor units, at least 0' });
  const rate = typeof qualityBar.usableRate === 'string' ? parseFraction(qualityBar.usableRate) : null;
  if (rate === null)
    errors.push({ pointer: '/qualityBar/usableRate', detail: 'must be a decimal string from 0 to 1 with at most 6 decimals' });
  return rate === null || errors.length > 0 ? refuseFields(errors) : { usableRate: formatDecimal(rate) };
}
