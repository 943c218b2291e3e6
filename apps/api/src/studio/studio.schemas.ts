// What the routes of the studio answer, as JSON Schema; part of answer.schemas.ts.
import { GATES, LEVELS, LOG_STATES, REJECTION_REASONS, REJECTED_ATTEMPTS_SHOWN_MAX, REVIEW_STATES } from '#libs/studio';
import { count, instant, instantOrNull, list, object, orNull, page, position, ref, text, textOrNull } from '../openapi/schema.words.js';
import type { JsonSchema } from '../validation/rules.js';

const yesOrNo: JsonSchema = { type: 'boolean' };
const number: JsonSchema = { type: 'number', minimum: 0 };
const countOrNull: JsonSchema = { type: ['integer', 'null'], minimum: 0 };
const decimal: JsonSchema = { type: 'string', pattern: '^[0-9]+(\\.[0-9]{1,6})?$', description: 'An exact decimal, half up.' };
const words = (values: readonly string[]): JsonSchema => ({ type: 'string', enum: [...values] });
const level = words(LEVELS);
const gates = list(words(GATES));
const reasons = list(words(REJECTION_REASONS));
const reviewState = words(REVIEW_STATES);
const attemptState = words([...REVIEW_STATES, ...LOG_STATES]);
const money = ref('Money');

const version = {
  promptId: text,
  version: { ...count, minimum: 1 },
  id: { ...text, description: 'A task’s `promptVersionId`.' },
  template: { ...textOrNull, description: 'Null where it was forgotten.' },
  variables: list(text),
  createdAt: instant,
};

const lineError = object({ field: { ...textOrNull, description: 'As the log names it.' }, code: text, detail: text });

const figures = {
  totalGenerations: count,
  usableClips: count,
  publishedClips: count,
  usableRate: { ...orNull(decimal), description: 'Null where there are no generations.' },
  usableRateInterval: {
    ...orNull(object({ low: decimal, high: decimal, confidence: { const: '0.95' } })),
    description: 'Wilson’s.',
  },
  attemptsPerUsableClip: orNull(decimal),
  generationCost: money,
  reviewMinutes: number,
  brandReviewMinutes: number,
  editingMinutes: number,
  humanCost: money,
  totalCost: money,
  costPerUsableClip: orNull(money),
  costPerUsableClipReason: { ...textOrNull, description: 'Why there is none.' },
  costPerPublishedClip: orNull(money),
  costPerPublishedClipReason: textOrNull,
  creditsUsed: { type: 'number' },
  unpricedCredits: { ...number, description: 'Of grants without a cost basis: the generation cost lacks them.' },
  rejectionReasons: { type: 'object', propertyNames: { enum: [...REJECTION_REASONS] }, additionalProperties: count },
};

const benchmark = {
  name: text,
  costPerUsableClip: money,
  qualityBar: object({ usableRate: decimal }),
};

export const STUDIO_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Brief: object({
    id: text,
    accountId: textOrNull,
    state: words(['draft_brief', 'prompt_ready']),
    channel: text,
    format: text,
    durationSeconds: number,
    goal: { ...textOrNull, description: 'Null where the customer was forgotten.' },
    mustInclude: list(text),
    mustAvoid: list(text),
    riskLevel: level,
    consistencyRequirement: level,
    suggestedUse: text,
    campaign: textOrNull,
    paid: yesOrNo,
    sensitiveCategories: list(text),
    attemptBudget: countOrNull,
    attemptsUsed: { ...count, description: 'Of the budget; 0 where there is none.' },
    gates,
    autoReview: yesOrNo,
    promptId: textOrNull,
    promptVersion: countOrNull,
    promptVersionId: textOrNull,
    variables: { type: 'object' },
    createdAt: instant,
    revision: { ...count, description: 'Of its content, from 0.' },
    position,
  }),
  BriefList: page('Brief'),
  Prompt: object({
    id: text,
    promptId: { ...text, description: 'The same.' },
    name: textOrNull,
    version: { ...count, description: 'The newest.' },
    promptVersionId: text,
    template: textOrNull,
    variables: list(text),
    labels: { type: 'object', additionalProperties: { type: 'integer', minimum: 1 } },
    versions: list(object(version)),
    createdAt: instant,
    position,
  }),
  PromptList: page('Prompt'),
  PromptVersion: object({ ...version, position }),
  PromptVersionList: page('PromptVersion'),
  RenderedPrompt: object({
    text,
    promptId: text,
    version: count,
    briefRevision: { ...countOrNull, description: 'Null without a brief.' },
  }),
  ClipMove: object({
    at: instant,
    from: { ...orNull(reviewState), description: 'Null of how it came to be.' },
    to: attemptState,
    reasons,
    note: textOrNull,
    reviewMinutes: number,
    brandReviewMinutes: number,
    editingMinutes: number,
    person: { ...text, description: 'The API key’s id, or the reviewer’s name.' },
    gates,
    scheduledAt: instantOrNull,
    publishedUrl: textOrNull,
    revision: count,
    position,
  }),
  Clip: object({
    id: text,
    taskId: { ...textOrNull, description: 'Null of an imported one.' },
    accountId: textOrNull,
    briefId: text,
    promptVersionId: textOrNull,
    model: text,
    assetUrl: textOrNull,
    state: attemptState,
    revision: { ...count, description: 'To be said by the next move.' },
    reasons,
    reviewMinutes: number,
    brandReviewMinutes: number,
    editingMinutes: number,
    creditsUsed: number,
    generationCost: {
      ...orNull(money),
      description: 'By the ledger, through what the drawn grants cost; null without a cost basis, or with several currencies.',
    },
    generationCosts: list(money),
    scheduledAt: instantOrNull,
    publishedUrl: textOrNull,
    performance: list(
      object({ at: instant, note: textOrNull, views: countOrNull, clicks: countOrNull, spendMinor: countOrNull, person: text }),
    ),
    possibleMoves: list(reviewState),
    createdAt: instant,
    history: list(ref('ClipMove')),
    position,
  }),
  ClipList: page('Clip'),
  AttemptImport: object({
    accepted: count,
    duplicates: { ...count, description: 'Lines that are in the log already, with the same content.' },
    rejectedCount: count,
    rejected: {
      ...list(object({ line: { ...count, minimum: 1 }, id: textOrNull, errors: list(lineError) })),
      maxItems: REJECTED_ATTEMPTS_SHOWN_MAX,
      description: 'The first of them, by line.',
    },
    position,
  }),
  Benchmark: object({ ...benchmark, updatedAt: instant, position }),
  BenchmarkList: page('Benchmark'),
  ReportFigures: object(figures),
  CostPerUsableClip: object({
    ...figures,
    currency: text,
    costSource: words(['ledger', 'provider']),
    hourlyRate: money,
    toolingCost: money,
    complianceCost: money,
    groups: list(object({ ...figures, key: text })),
    trend: list(object({ ...figures, week: { type: 'string', pattern: '^[0-9]{4}-W[0-9]{2}$' } })),
    benchmark: orNull(object(benchmark)),
    verdict: { type: ['string', 'null'], enum: ['meets', 'does_not_meet', null] },
    moreGenerations: {
      ...countOrNull,
      description:
        'At today’s rate, how many more until the interval lies on one side of the quality bar; null where it never would, or without one.',
    },
    statement: text,
    nextSteps: list(text),
  }),
};
