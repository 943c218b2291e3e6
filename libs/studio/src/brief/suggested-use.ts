// 2 decide · what a brief is fit for, by how much a small error costs and how alike its clips must be; part of every brief's answer.
import type { Level } from './brief.facts.js';

/** Risk, then consistency. */
const MATRIX: Readonly<Record<Level, Readonly<Record<Level, string>>>> = {
  low: { low: 'good production test', high: 'drafts, variants, partial shots' },
  high: { low: 'strict human review only', high: 'keep traditional production primary' },
};

export function suggestedUse(riskLevel: Level, consistencyRequirement: Level): string {
  return MATRIX[riskLevel][consistencyRequirement];
}
