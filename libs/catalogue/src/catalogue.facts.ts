// 2 decide · facts of model and plan streams: prices are immutable and effective-dated; a task is charged the version it was quoted.
import type { Credits, Fact, Iso } from '#libs/kernel';

export const OUTPUT_TYPES = ['video', 'image', 'audio', 'text'] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

/** Factors are exact decimal strings. */
export interface Modifiers {
  perSecond?: { includedSeconds: number; creditsPerSecond: number };
  resolution?: Record<string, string>;
  outputType?: Record<string, string>;
  maxDurationSeconds?: number;
}

/** {@link Modifiers} as facts keep them: a fraction is the decimal string of its shortest form, for a fact holds no floats. */
export interface StoredModifiers {
  perSecond?: { includedSeconds: number | string; creditsPerSecond: number | string };
  resolution?: Record<string, string>;
  outputType?: Record<string, string>;
  maxDurationSeconds?: number | string;
}

export type ModelFact =
  | Fact<
      'ModelListed',
      {
        modelId: string;
        name: string;
        family: string;
        outputType: OutputType;
        durationSeconds: number | string | null;
        minimumPlan: string;
        provider: string;
        modifiers: StoredModifiers | null;
        decidedAt: Iso;
      }
    >
  /** `priceVersion` is `<model>@<n>`; modifiers are part of the price, so they stand here as they were then. */
  | Fact<
      'ModelPriced',
      {
        modelId: string;
        priceVersion: string;
        credits: Credits;
        modifiers: StoredModifiers | null;
        effectiveAt: Iso;
        reason: string;
        decidedAt: Iso;
      }
    >
  | Fact<'ModelRetired', { modelId: string; decidedAt: Iso }>;

export type PlanFact = Fact<
  'PlanDefined',
  {
    planId: string;
    version: number;
    name: string;
    rank: number;
    monthlyAllowance: Credits;
    upgradeCredit: 'full' | 'prorated';
    weight: number;
    decidedAt: Iso;
  }
>;

export type CatalogueFact = ModelFact | PlanFact;

export const CATALOGUE_FACT_VERSIONS: Readonly<Record<CatalogueFact['type'], number>> = {
  ModelListed: 1,
  ModelPriced: 1,
  ModelRetired: 1,
  PlanDefined: 1,
};
