// 2 decide · the fact of a benchmark's stream: what a usable clip costs today, and how good is good enough.
import type { Fact, Iso, Money } from '#libs/kernel';

export type BenchmarkFact = Fact<
  'BenchmarkSet',
  {
    name: string;
    costPerUsableClip: Money;
    /** Exact decimal string, 0…1. */
    qualityBar: { usableRate: string };
    decidedAt: Iso;
  }
>;

export const BENCHMARK_FACT_VERSIONS: Readonly<Record<BenchmarkFact['type'], number>> = { BenchmarkSet: 1 };
