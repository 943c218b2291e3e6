// What every route answers, as JSON Schema: shown in the OpenAPI document, and held against real answers by a test.
import { OUTPUT_TYPES } from '#libs/catalogue';
import { ADJUSTMENT_STATUSES, BUCKETS, DISPUTE_STATUSES, MOVEMENT_TYPES } from '#libs/ledger';
import { FINANCE_SCHEMAS } from '../finance/finance.schemas.js';
import { SCOPES } from '../keys/api-key.js';
import { MODIFIERS_SCHEMA } from '../catalogue/catalogue.dto.js';
import { SUPPORT_SCHEMAS } from '../support/support.schemas.js';
import { TASK_STATUSES } from '../tasks/task-statuses.js';
import type { JsonSchema } from '../validation/rules.js';

/** Every member is there, always, and no other. */
function object(properties: Record<string, JsonSchema>, optional: readonly string[] = []): JsonSchema {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}
const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
const page = (name: string): JsonSchema =>
  object({ data: list(ref(name)), nextCursor: { type: ['string', 'null'], description: 'For `?cursor=`; null on the last page.' } });
const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] });

const text: JsonSchema = { type: 'string' };
const textOrNull: JsonSchema = { type: ['string', 'null'] };
const yesOrNo: JsonSchema = { type: 'boolean' };
const instant: JsonSchema = { type: 'string', format: 'date-time' };
const instantOrNull: JsonSchema = { type: ['string', 'null'], format: 'date-time' };
const count: JsonSchema = { type: 'integer', minimum: 0 };
const signed: JsonSchema = { type: 'integer' };
const position: JsonSchema = {
  type: 'string',
  pattern: '^(?:[0-9]{16}|[0-9a-f]{32})$',
  description: 'Place in the log: opaque, fixed width, ordered bytewise.',
};
const bucket: JsonSchema = { type: 'string', enum: [...BUCKETS] };
const plan: JsonSchema = { type: 'string' };
const modifiers = orNull(MODIFIERS_SCHEMA);
const nextReset = object({ at: instant, allowance: count });
const bucketBalance = object({ available: count, held: count, frozen: count });
const drawdownLine = object({ bucket, grantId: text, credits: count, expiresAt: instantOrNull });

const apiKey = {
  id: text,
  name: text,
  scopes: list({ type: 'string', enum: [...SCOPES] }),
  accounts: { anyOf: [list(text), { type: 'null' }] },
  tenant: text,
  createdAt: instant,
};

const base64: JsonSchema = { type: 'string', contentEncoding: 'base64' };
const checkpoint: JsonSchema = { type: 'string', description: 'A C2SP checkpoint: a signed note.' };

export const ANSWER_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  ...FINANCE_SCHEMAS,
  ...SUPPORT_SCHEMAS,
  Money: object({ currency: { type: 'string', pattern: '^[A-Z]{3}$' }, amountMinor: signed }),
  Account: object({
    id: text,
    name: textOrNull,
    plan,
    pendingPlan: textOrNull,
    timezone: text,
    billingAnchor: instant,
    status: { type: 'string', enum: ['active', 'suspended'] },
    forgotten: yesOrNo,
    nextReset,
    createdAt: instant,
    revision: count,
    position,
  }),
  AccountList: page('Account'),
  LedgerHead: object({ origin: text, treeSize: count, rootHash: base64, position, time: instant, checkpoint }),
  LedgerHeadList: page('LedgerHead'),
  LedgerKey: object({ origin: text, algorithm: { const: 'Ed25519' }, publicKey: base64, vkey: text, pem: text }),
  InclusionProof: object({
    position,
    eventId: text,
    leafIndex: count,
    treeSize: count,
    leaf: base64,
    leafHash: base64,
    inclusionPath: list(base64),
    rootHash: base64,
    checkpoint: orNull(checkpoint),
  }),
  ConsistencyProof: object({
    from: count,
    to: count,
    fromRoot: base64,
    toRoot: base64,
    consistencyPath: list(base64),
    checkpoint: orNull(checkpoint),
  }),
  ReceiptFile: object({
    format: { const: 'rollcredits-receipt/1' },
    receipt: ref('Receipt'),
    facts: list(object({ leafIndex: count, leaf: base64, inclusionPath: list(base64) })),
    checkpoint,
    vkey: text,
  }),
  ReceiptAnswer: { anyOf: [ref('Receipt'), ref('ReceiptFile')] },
  Balance: object({
    accountId: text,
    plan,
    available: count,
    held: count,
    frozen: count,
    debt: count,
    buckets: object(Object.fromEntries(BUCKETS.map((name) => [name, bucketBalance]))),
    grants: list(
      object({
        ...{ id: text, bucket, credits: count, available: count, held: count, frozen: count },
        ...{ expiresAt: instantOrNull, reference: textOrNull },
      }),
    ),
    nextReset,
    revision: count,
    position,
    asOf: instant,
  }),
  Grant: object({
    id: text,
    accountId: text,
    bucket,
    credits: count,
    available: count,
    held: count,
    consumed: count,
    expired: count,
    revoked: count,
    reissued: count,
    adjusted: count,
    repaid: count,
    frozen: count,
    grantedAt: instant,
    expiresAt: instantOrNull,
    reference: textOrNull,
    costBasis: orNull(ref('Money')),
    recognisedMinor: { type: ['integer', 'null'] },
    deferredMinor: { type: ['integer', 'null'] },
    reissuedFrom: textOrNull,
    disputeId: textOrNull,
    position,
  }),
  GrantList: page('Grant'),
  Dispute: object({
    id: text,
    accountId: text,
    grantIds: list(text),
    reference: textOrNull,
    reason: text,
    status: { type: 'string', enum: [...DISPUTE_STATUSES] },
    credits: {
      ...object({ available: count, held: count, consumed: count, revoked: count, debt: count }),
      description: 'Of its grants, as they are; `debt` is what the loss made debt, repaid since or not.',
    },
    openedAt: instant,
    closedAt: instantOrNull,
    position,
  }),
  DisputeList: page('Dispute'),
  Adjustment: object({
    id: text,
    accountId: text,
    bucket,
    credits: signed,
    reason: text,
    ticket: text,
    status: { type: 'string', enum: [...ADJUSTMENT_STATUSES] },
    requestedBy: { ...text, description: 'The id of the API key that asked for it.' },
    approvedBy: textOrNull,
    grantId: { ...textOrNull, description: 'The grant that an adjustment upwards made.' },
    createdAt: instant,
    position,
  }),
  AdjustmentList: page('Adjustment'),
  Movement: object({
    position,
    at: instant,
    accountId: text,
    type: { type: 'string', enum: [...MOVEMENT_TYPES] },
    bucket,
    grantId: text,
    credits: { ...signed, description: "The signed change of the grant's available credits." },
    consumed: signed,
    recordedAt: instant,
    availableBefore: count,
    availableAfter: count,
    taskId: textOrNull,
    reason: textOrNull,
    actor: text,
    eventId: text,
    causationId: textOrNull,
    correlationId: text,
  }),
  MovementList: page('Movement'),
  Model: object({
    id: text,
    name: text,
    family: text,
    outputType: { type: 'string', enum: [...OUTPUT_TYPES] },
    durationSeconds: { type: ['integer', 'null'] },
    credits: count,
    minimumPlan: text,
    provider: text,
    modifiers,
    priceVersion: text,
    retiredAt: instantOrNull,
    position,
  }),
  ModelList: page('Model'),
  Price: object({ priceVersion: text, credits: count, modifiers, effectiveAt: instant, reason: text, position }),
  PriceList: page('Price'),
  Plan: object({
    id: text,
    name: text,
    rank: count,
    monthlyAllowance: count,
    upgradeCredit: { type: 'string', enum: ['full', 'prorated'] },
    weight: count,
    position,
  }),
  PlanList: page('Plan'),
  Quote: object({
    id: text,
    accountId: text,
    model: text,
    quantity: count,
    credits: count,
    unitCredits: count,
    priceVersion: text,
    expiresAt: instant,
    allowed: yesOrNo,
    denial: orNull(object({ code: text, detail: text })),
    accountPlan: text,
    requiredPlan: text,
    available: count,
    shortfall: count,
    drawdown: list(drawdownLine),
    position,
  }),
  Task: object({
    id: text,
    accountId: text,
    userId: textOrNull,
    model: text,
    status: { type: 'string', enum: [...TASK_STATUSES] },
    uncertain: { ...yesOrNo, description: 'We do not know whether the provider has it, or whether it will still answer.' },
    progress: { type: ['integer', 'null'] },
    credits: object({ quoted: count, held: count, consumed: count, refunded: count }),
    settlement: { type: 'string', enum: ['open', 'consumed', 'refunded', 'partial', 'none'] },
    attempts: list(object({ number: count, provider: text, status: text, providerJobId: textOrNull, cost: orNull(ref('Money')) })),
    assets: list(object({ url: text, mediaType: text, durationSeconds: textOrNull, late: yesOrNo })),
    failure: orNull(
      object({ code: text, detail: text, blame: { type: 'string', enum: ['customer', 'provider', 'platform'] }, retryable: yesOrNo }),
    ),
    lateResult: orNull(object({ policy: text, outcome: text, accepted: yesOrNo })),
    prompt: textOrNull,
    parameters: { type: ['object', 'null'] },
    metadata: { type: ['object', 'null'] },
    quoteId: textOrNull,
    priceVersion: text,
    deadlineAt: instantOrNull,
    createdAt: instant,
    updatedAt: instant,
    revision: count,
    position,
    urls: object({ self: text, events: text, receipt: text, cancel: text }),
  }),
  TaskList: page('Task'),
  TaskBatch: object(
    {
      results: list({ anyOf: [object({ index: count, task: ref('Task') }), object({ index: count, problem: ref('Problem') })] }),
      position,
    },
    // Nothing was written when every entry was invalid.
    ['position'],
  ),
  TaskEvent: object({ type: text, at: instant, position, data: { type: 'object' } }),
  TaskEventList: page('TaskEvent'),
  Cancellation: object({ outcome: { type: 'string', enum: ['done', 'requested', 'too_late'] }, task: ref('Task'), position }, ['position']),
  Receipt: object({
    taskId: text,
    charged: { ...count, description: 'consumed − goodwill' },
    statement: text,
    lines: list(
      object({
        at: instant,
        what: { type: 'string', enum: ['quoted', 'held', 'consumed', 'refunded', 'reissued'] },
        credits: signed,
        buckets: { type: 'object', propertyNames: { enum: [...BUCKETS] }, additionalProperties: signed },
        position,
        eventId: text,
      }),
    ),
    providerCost: list(ref('Money')),
    position,
  }),
  ApiKey: object(apiKey),
  ApiKeyList: page('ApiKey'),
  CreatedApiKey: object({ ...apiKey, key: { ...textOrNull, description: 'Shown once; null in a replay.' }, position }),
  TestClock: object({ now: instant, position }),
  Health: object({ status: { type: 'string', const: 'ok' } }),
  Readiness: object(
    {
      status: { type: 'string', enum: ['ok', 'degraded', 'down'] },
      parts: {
        type: 'object',
        additionalProperties: {
          type: 'object',
          properties: { status: { type: 'string', enum: ['ok', 'degraded', 'down'] }, detail: text },
          required: ['status'],
        },
      },
      draining: yesOrNo,
    },
    ['draining'],
  ),
  Metrics: text,
  OpenApi: { type: 'object' },
  FieldError: object({ pointer: { ...text, description: 'RFC 6901, into the body; the name of a query parameter.' }, detail: text }),
  Problem: {
    type: 'object',
    description: 'RFC 9457, with our members; what the code needs stands beside them.',
    properties: {
      type: { type: 'string', format: 'uri' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      instance: text,
      code: text,
      requestId: text,
      retryable: yesOrNo,
      hint: text,
      errors: list(ref('FieldError')),
      required: count,
      available: count,
      shortfall: count,
      requiredPlan: text,
      accountPlan: text,
      taskId: text,
      disputeId: text,
      grantId: text,
      outcome: text,
    },
    required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'requestId', 'retryable'],
  },
};
