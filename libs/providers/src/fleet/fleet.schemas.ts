// 5 react · the JSON Schemas of what goes to workers and comes from them; the intake judges by them, docs/fleets/ is made from them.
const ID = { type: 'string', minLength: 1, maxLength: 200 } as const;
const WORKER = { ...ID, description: 'The worker’s own name, unique among those that are at work.' } as const;

/** A fraction or a duration may come as a number or as its exact decimal text. */
const DECIMAL = {
  anyOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: '^\\d{1,15}(\\.\\d{1,20})?$' },
  ],
} as const;
const FRACTION = {
  anyOf: [
    { type: 'number', minimum: 0, maximum: 1 },
    { type: 'string', pattern: '^(0(\\.\\d{1,6})?|1(\\.0{1,6})?)$' },
  ],
} as const;

const COST = {
  type: ['object', 'null'],
  properties: {
    currency: { type: 'string', pattern: '^[A-Z]{3}$', description: 'ISO 4217.' },
    amountMinor: { type: 'integer', minimum: 0, maximum: 1_000_000_000_000, description: 'In minor units.' },
  },
  required: ['currency', 'amountMinor'],
} as const;

const ASSET = {
  type: 'object',
  properties: {
    url: { type: 'string', maxLength: 2048, pattern: '^(https?|s3|gs)://\\S+$' },
    mediaType: { type: 'string', maxLength: 100, pattern: '^[a-z0-9.+-]+/[A-Za-z0-9.+-]+$' },
    bytes: { type: ['integer', 'null'], minimum: 0 },
    sha256: { type: ['string', 'null'], pattern: '^[0-9a-f]{64}$' },
    durationSeconds: { anyOf: [...DECIMAL.anyOf, { type: 'null' }] },
  },
  required: ['url', 'mediaType'],
} as const;

const COMMON = {
  jobId: ID,
  attempt: { type: 'integer', minimum: 1 },
  token: { type: 'string', minLength: 1, maxLength: 200, description: 'As it stood in the job.' },
} as const;

const kind = (name: string, properties: object, required: readonly string[], description: string): object => ({
  type: 'object',
  title: name,
  description,
  properties: { kind: { const: name }, ...properties },
  required: ['kind', ...required],
});

export const RESULT_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:rollcredits:fleet:result:v1',
  title: 'What a worker says of a job',
  description: 'The value of a message on the results topic; its key is the task’s id, its header `ce_id` an id of its own.',
  type: 'object',
  properties: { ...COMMON, kind: { enum: ['claimed', 'heartbeat', 'succeeded', 'failed', 'released'] } },
  required: ['jobId', 'attempt', 'token', 'kind'],
  oneOf: [
    kind('claimed', { worker: WORKER }, ['worker'], 'The worker has begun.'),
    kind(
      'heartbeat',
      { worker: WORKER, progress: { type: ['number', 'null'], minimum: 0, maximum: 100 } },
      [],
      'It is still at work; sent every `heartbeatEveryMs`.',
    ),
    kind(
      'succeeded',
      {
        worker: WORKER,
        assets: { type: 'array', items: ASSET, maxItems: 100 },
        deliveredFraction: { ...FRACTION, description: 'How much of what was asked for; default 1.' },
        cost: COST,
      },
      ['assets'],
      'It is done.',
    ),
    kind(
      'failed',
      {
        worker: WORKER,
        code: { type: 'string', minLength: 1, maxLength: 100 },
        detail: { type: 'string', maxLength: 4_000 },
        retryable: { type: 'boolean' },
        blame: { enum: ['customer', 'provider'], description: 'Default provider.' },
        cost: COST,
      },
      ['code', 'detail', 'retryable'],
      'It could not be done. `cancelled` is the code of a job that was stopped because a cancellation came.',
    ),
    kind('released', { worker: WORKER }, [], 'Given back unharmed: another worker gets it, and it counts as no attempt.'),
  ],
} as const;

export const JOB_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:rollcredits:fleet:job:v1',
  title: 'A job for a worker',
  description: 'The value of a message on the jobs topic of a model family; its key is the task’s id.',
  type: 'object',
  properties: {
    ...COMMON,
    taskId: ID,
    model: ID,
    prompt: { type: ['string', 'null'] },
    parameters: { type: 'object' },
    outputType: { enum: ['video', 'image', 'audio', 'text'] },
    durationSeconds: { type: ['string', 'null'], description: 'Exact decimal text.' },
    deadlineAt: { type: 'string', format: 'date-time' },
    heartbeatEveryMs: { type: 'integer', minimum: 1 },
  },
  required: ['jobId', 'taskId', 'attempt', 'model', 'prompt', 'parameters', 'deadlineAt', 'heartbeatEveryMs', 'token'],
} as const;

export const CANCELLATION_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:rollcredits:fleet:cancellation:v1',
  title: 'A job that nobody wants any more',
  description: 'The value of a message on the cancellations topic, which every worker reads; its key is the task’s id.',
  type: 'object',
  properties: {
    jobId: ID,
    taskId: ID,
    attempt: COMMON.attempt,
    reason: { enum: ['cancelled', 'given_up', 'claimed_by_another', 'decided'] },
    worker: { type: ['string', 'null'], description: 'Where it is set, only this worker is meant.' },
  },
  required: ['jobId', 'taskId', 'attempt', 'reason', 'worker'],
} as const;
