// 1 HTTP in · what models, prices and plans are made from; modifiers are checked where they are priced.
import { OUTPUT_TYPES, type Modifiers, type OutputType } from '#libs/catalogue';
import { AnyCredits, CatalogueId, Instant, PositiveCredits, Reason } from '../validation/words.js';
import { JsonObjectOf, OneOf, Optional, Text, WholeNumber } from '../validation/rules.js';

const factors = (description: string): object => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string', examples: ['1.5'] },
});

export const MODIFIERS_SCHEMA = {
  type: 'object',
  properties: {
    perSecond: {
      type: 'object',
      properties: { includedSeconds: { type: 'number', minimum: 0 }, creditsPerSecond: { type: 'number', minimum: 0 } },
      required: ['includedSeconds', 'creditsPerSecond'],
      additionalProperties: false,
    },
    resolution: factors('Exact decimal factor by resolution.'),
    outputType: factors('Exact decimal factor by output type.'),
    maxDurationSeconds: { type: 'number', exclusiveMinimum: 0 },
  },
  additionalProperties: false,
} as const;

export class PutModelDto {
  @Text(1, 100)
  name!: string;

  @CatalogueId()
  family!: string;

  @OneOf(OUTPUT_TYPES)
  outputType!: OutputType;

  @Optional()
  @WholeNumber(1, 86_400)
  durationSeconds?: number;

  @PositiveCredits()
  credits!: number;

  @CatalogueId()
  minimumPlan!: string;

  @Optional()
  @CatalogueId()
  provider?: string;

  @Optional()
  @JsonObjectOf('credits = ⌈(base + max(0, seconds − includedSeconds) × creditsPerSecond) × resolution × outputType⌉', MODIFIERS_SCHEMA)
  modifiers?: Modifiers;
}

export class PriceModelDto {
  @PositiveCredits()
  credits!: number;

  @Optional()
  @Instant()
  effectiveAt?: string;

  @Reason()
  reason!: string;
}

export class PutPlanDto {
  @Text(1, 100)
  name!: string;

  @WholeNumber(0, 1_000_000)
  rank!: number;

  @AnyCredits()
  monthlyAllowance!: number;

  @Optional()
  @OneOf(['full', 'prorated'])
  upgradeCredit?: 'full' | 'prorated';

  @Optional()
  @WholeNumber(1, 100)
  weight?: number;
}
