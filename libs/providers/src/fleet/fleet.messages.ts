// 5 react · what travels to and from workers: makes jobs and cancellations, and reads results or says why one cannot be read. Pure.
import { randomUUID } from 'node:crypto';
import currencies from 'currency-codes';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { formatDecimal, parseDecimal, parseFraction, shortestDecimal, toIso, type InstantMs, type Money } from '#libs/kernel';
import type { IncomingMessage, OutgoingMessage } from '#libs/messaging';
import type { ProviderAsset, ProviderJob } from '../provider.port.js';
import type { FleetJob, FleetVerdict } from './fleet.job.js';
import { RESULT_SCHEMA } from './fleet.schemas.js';

/** The largest result that is looked at; a larger one is not even parsed. */
export const RESULT_BYTES_MAX = 262_144;
/** Brokers take a mebibyte a message unless told otherwise. */
export const JOB_BYTES_MAX = 921_600;
const MESSAGE_ID_CHARACTERS_MAX = 200;
const DETAIL_CHARACTERS_MAX = 1_000;

export type FleetSaying =
  | { kind: 'claimed'; worker: string }
  | { kind: 'heartbeat'; worker: string | null; progress: number | null }
  | { kind: 'released'; worker: string | null }
  | { kind: 'verdict'; worker: string | null; verdict: FleetVerdict }
  /** Our own question: who it is about has had the chance to be read up to here. */
  | { kind: 'probe' };

export interface FleetMessage {
  /** `ce_id`. */
  messageId: string;
  jobId: string;
  attempt: number;
  token: string;
  saying: FleetSaying;
}

export const UNREADABLE_REASONS = ['tombstone', 'oversize', 'missing_headers', 'unreadable', 'schema'] as const;
export const DISOWNED_REASONS = ['unknown_job', 'wrong_attempt', 'forged_token'] as const;
export type DeadLetterReason = (typeof UNREADABLE_REASONS)[number] | (typeof DISOWNED_REASONS)[number];

export interface Unreadable {
  reason: (typeof UNREADABLE_REASONS)[number];
  detail: string;
}

export type ReadResult = { message: FleetMessage } | Unreadable;

// ── What comes in ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function readResult({ value, headers }: Pick<IncomingMessage, 'value' | 'headers'>): ReadResult {
  if (value === null) return { reason: 'tombstone', detail: 'the message has no value' };
  if (value.length > RESULT_BYTES_MAX) return { reason: 'oversize', detail: `${value.length} bytes, more than ${RESULT_BYTES_MAX}` };
  const messageId = headers['ce_id'];
  if (messageId === undefined || messageId === '' || messageId.length > MESSAGE_ID_CHARACTERS_MAX)
    return { reason: 'missing_headers', detail: `ce_id must be a text of 1 to ${MESSAGE_ID_CHARACTERS_MAX} characters` };
  const body = parsed(value);
  if (body === undefined) return { reason: 'unreadable', detail: 'the value is no JSON in UTF-8' };
  const flaw = flawOf(body);
  if (flaw !== null) return { reason: 'schema', detail: flaw };
  const { jobId, attempt, token } = body as Wire;
  return { message: { messageId, jobId, attempt, token, saying: sayingOf(body as Wire) } };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function parsed(value: Buffer): unknown {
  try {
    return JSON.parse(UTF8.decode(value)) as unknown;
  } catch {
    return undefined;
  }
}

/** Compiled when the first message is judged: most processes read none. */
let validators: ReadonlyMap<string, ValidateFunction> | null = null;

function compile(): ReadonlyMap<string, ValidateFunction> {
  const ajv = new Ajv2020({ allowUnionTypes: true, strictTypes: false });
  const { properties, required, oneOf } = RESULT_SCHEMA;
  const forKind = (branch: object): [string, ValidateFunction] => {
    const own = branch as { title: string; properties: object; required: string[] };
    const schema = {
      type: 'object',
      properties: { ...properties, ...own.properties },
      required: [...new Set([...required, ...own.required])],
    };
    return [own.title, ajv.compile(schema)];
  };
  const probe = { title: 'probe', properties: { kind: { const: 'probe' } }, required: [] };
  return new Map([...oneOf, probe].map(forKind));
}

/** The first thing that is wrong, in a sentence; null where nothing is. */
function flawOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'the value must be a JSON object';
  validators ??= compile();
  const { kind } = body as { kind?: unknown };
  const validate = typeof kind === 'string' ? validators.get(kind) : undefined;
  if (validate === undefined) return `/kind must be one of ${RESULT_SCHEMA.properties.kind.enum.join(', ')}`;
  if (validate(body)) {
    const currency = (body as Wire).cost?.currency;
    return currency === undefined || currencies.code(currency) !== undefined ? null : '/cost/currency must be an ISO 4217 currency code';
  }
  const error = validate.errors?.[0];
  return `${error?.instancePath ?? ''} ${error?.message ?? 'is not valid'}`.trim();
}

/** As it stands in JSON, once it fits the schema of its kind. */
interface Wire {
  jobId: string;
  attempt: number;
  token: string;
  kind: 'claimed' | 'heartbeat' | 'succeeded' | 'failed' | 'released' | 'probe';
  worker?: string;
  progress?: number | null;
  assets?: Array<{ url: string; mediaType: string; durationSeconds?: number | string | null }>;
  deliveredFraction?: number | string;
  cost?: Money | null;
  code?: string;
  detail?: string;
  retryable?: boolean;
  blame?: 'customer' | 'provider';
}

function sayingOf(wire: Wire): FleetSaying {
  const worker = wire.worker ?? null;
  switch (wire.kind) {
    case 'claimed':
      return { kind: 'claimed', worker: wire.worker ?? '' };
    case 'heartbeat':
      return { kind: 'heartbeat', worker, progress: wire.progress ?? null };
    case 'released':
      return { kind: 'released', worker };
    case 'probe':
      return { kind: 'probe' };
    case 'succeeded':
      return { kind: 'verdict', worker, verdict: succeeded(wire) };
    case 'failed': {
      const { code = '', detail = '', retryable = false, blame = 'provider' } = wire;
      const shown = detail.length > DETAIL_CHARACTERS_MAX ? `${detail.slice(0, DETAIL_CHARACTERS_MAX)}…` : detail;
      return { kind: 'verdict', worker, verdict: { kind: 'failed', code, detail: shown, blame, retryable, cost: costOf(wire) } };
    }
  }
}

function succeeded(wire: Wire): FleetVerdict {
  const assets = (wire.assets ?? []).map(({ url, mediaType, durationSeconds }): ProviderAsset => {
    return { url, mediaType, durationSeconds: decimalText(durationSeconds ?? null) };
  });
  const [only, ...others] = assets;
  return {
    kind: 'succeeded',
    assets,
    deliveredFraction: fractionText(wire.deliveredFraction ?? 1),
    actualDurationSeconds: others.length === 0 ? (only?.durationSeconds ?? null) : null,
    cost: costOf(wire),
  };
}

function costOf({ cost }: Wire): Money | null {
  return cost === undefined || cost === null ? null : { currency: cost.currency, amountMinor: cost.amountMinor };
}

/** Null where it is no decimal that a fact can keep: a duration is shown, no money depends on it. */
function decimalText(value: number | string | null): string | null {
  if (value === null) return null;
  const text = typeof value === 'number' ? shortestDecimal(value) : value;
  const decimal = text === null ? null : parseDecimal(text);
  return decimal === null ? null : formatDecimal(decimal);
}

const MILLION = 1_000_000;

/** Digits beyond the sixth are cut off, in the customer's favour. */
function fractionText(value: number | string): string {
  const exact = parseFraction(typeof value === 'number' ? (shortestDecimal(value) ?? '') : value);
  return formatDecimal(exact ?? { digits: BigInt(Math.floor(Number(value) * MILLION)), scale: 6 });
}

// ── What goes out ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Envelope {
  /** `/rollcredits/<deployment name>` */
  source: string;
  at: InstantMs;
}

export function jobMessage(job: ProviderJob, row: FleetJob, token: string, envelope: Envelope): OutgoingMessage {
  const body = {
    jobId: row.jobId,
    taskId: job.taskId,
    attempt: job.attempt,
    model: job.model,
    prompt: job.prompt,
    parameters: job.parameters,
    outputType: job.outputType,
    durationSeconds: job.durationSeconds,
    deadlineAt: toIso(job.deadlineAt),
    heartbeatEveryMs: row.heartbeatEveryMs,
    token,
  };
  // The same message sent again has the same id; a job that was given back goes out as a new message.
  return cloudEvent('job', `${row.jobId}/${row.releases}`, job.taskId, body, envelope);
}

export interface Cancellation {
  reason: 'cancelled' | 'given_up' | 'claimed_by_another' | 'decided';
  /** Null: whoever has it. */
  worker: string | null;
}

export function cancellationMessage(job: FleetJob, { reason, worker }: Cancellation, envelope: Envelope): OutgoingMessage {
  const { jobId, taskId, attempt } = job;
  return cloudEvent('cancellation', randomUUID(), taskId, { jobId, taskId, attempt, reason, worker }, envelope);
}

/** Goes the way that the worker's own messages go: once it is read, whatever was sent before it was read as well. */
export function probeMessage(job: FleetJob, token: string, envelope: Envelope): OutgoingMessage {
  const { jobId, taskId, attempt } = job;
  return cloudEvent('probe', randomUUID(), taskId, { jobId, attempt, token, kind: 'probe' }, envelope);
}

function cloudEvent(type: string, id: string, taskId: string, body: object, { source, at }: Envelope): OutgoingMessage {
  const headers = {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: `rollcredits.fleet.${type}.v1`,
    ce_subject: taskId,
    ce_time: toIso(at),
    'content-type': 'application/json',
  };
  return { key: taskId, value: JSON.stringify(body), headers };
}
