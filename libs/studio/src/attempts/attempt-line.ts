// 1 HTTP in · what one line of the log says, or every reason why it is refused; pure, called line by line by the import and by the pilot.
import { formatDecimal, parseDecimal } from '#libs/kernel';
import { STUDIO_ID_PATTERN } from '../checks.js';
import type { ImportedAttempt } from '../clip/clip.facts.js';
import { REJECTION_REASONS } from '../clip/rejection-reasons.js';
import { LOG_STATES, REASONED_STATES, REVIEW_STATES, USABLE_STATES, type AttemptState } from '../clip/review-states.js';
import { flatJson, type FlatObject, type FlatValue, type NotFlat } from './flat-json.js';
import { LINE_BYTES_MAX, type LogLine } from './log-lines.js';

export interface AttemptLineError {
  /** As the log names it; null where the line as a whole is meant. */
  field: string | null;
  code: 'required' | 'invalid' | 'out_of_range' | 'unknown_field' | 'inconsistent' | 'too_large' | 'already_exists';
  detail: string;
}

export interface RejectedAttempt {
  /** From 1, blank lines counted. */
  line: number;
  /** Null where the line does not say one. */
  id: string | null;
  errors: AttemptLineError[];
}

export type ReadLine = { line: number; attempt: ImportedAttempt } | RejectedAttempt;

type Field = keyof ImportedAttempt;

/** In the article's order. */
export const ATTEMPT_FIELDS = [
  ...(['id', 'brief_id', 'prompt_id', 'prompt_version', 'model', 'duration_seconds', 'credits_used', 'generation_cost_usd'] as const),
  ...(['asset_url', 'status', 'rejection_reason', 'review_minutes', 'editing_minutes', 'published', 'created_at'] as const),
] as const satisfies readonly Field[];

/** What null stands for may also be left out. */
const OPTIONAL: ReadonlySet<string> = new Set<Field>(['duration_seconds', 'asset_url', 'rejection_reason']);
/** Null here stands for a generation without a prompt of its own: said, not forgotten. */
const NULLABLE: ReadonlySet<string> = new Set<Field>(['prompt_id', 'prompt_version']);
const KNOWN: ReadonlySet<string> = new Set(ATTEMPT_FIELDS);

/** A line with a thousand unknown members is as wrong as one with sixteen. */
const ERRORS_PER_LINE_MAX = 16;
const VERSION = /^v[1-9]\d{0,8}$/;
/** Unicode's letters, marks, numbers, punctuation, symbols and the blank: what can be seen. */
const MODEL = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,100}$/u;
/** An absolute URL of any store; those that a browser would run are none. */
const ASSET_URL = /^(?!javascript:|data:|vbscript:)[a-z][a-z0-9+.-]*:\/\/[^\s\p{C}]+$/iu;
const ASSET_URL_LENGTH_MAX = 2048;
const STATES: readonly string[] = [...REVIEW_STATES, ...LOG_STATES];
const RANGES = {
  duration_seconds: { above: true, max: '86400' },
  credits_used: { above: false, max: '1000000000000' },
  generation_cost_usd: { above: false, max: '1000000000' },
  review_minutes: { above: false, max: '100000' },
  editing_minutes: { above: false, max: '100000' },
} as const;

export function readAttemptLine({ line, text }: LogLine): ReadLine {
  if (typeof text !== 'string') {
    const long = error(null, 'too_large', `is longer than ${LINE_BYTES_MAX / 1024} KiB`);
    return { line, id: null, errors: [text.wrong === 'too_long' ? long : error(null, 'invalid', 'is not UTF-8')] };
  }
  const members = flatJson(text);
  if (!(members instanceof Map)) return { line, id: null, errors: [notFlat(members)] };
  const reader = new LineReader(members);
  const attempt = reader.read();
  if (reader.errors.length === 0) return { line, attempt };
  return { line, id: idOf(members), errors: reader.errors.slice(0, ERRORS_PER_LINE_MAX) };
}

function notFlat(problem: NotFlat): AttemptLineError {
  switch (problem.wrong) {
    case 'not_json':
      return error(null, 'invalid', 'is not valid JSON');
    case 'not_object':
      return error(null, 'invalid', 'is not a JSON object');
    case 'twice':
      return error(problem.name.slice(0, 100), 'invalid', 'stands in the line twice');
  }
}

function idOf(members: FlatObject): string | null {
  const id = members.get('id');
  return id?.kind === 'string' ? id.raw.slice(0, 100) : null;
}

/** Reads each field with its own rule; an error of a field leaves a value behind that is never used. */
class LineReader {
  readonly errors: AttemptLineError[] = [];

  constructor(private readonly members: FlatObject) {}

  read(): ImportedAttempt {
    for (const name of this.members.keys())
      if (!KNOWN.has(name)) this.#wrong(name.slice(0, 100), 'unknown_field', 'is no field of the log');
    const attempt: ImportedAttempt = {
      id: this.#text('id', isId, 'must be 1 to 100 letters, digits, dots, dashes or underscores') ?? '',
      brief_id: this.#text('brief_id', isId, 'must be 1 to 100 letters, digits, dots, dashes or underscores') ?? '',
      prompt_id: this.#text('prompt_id', isId, 'must be 1 to 100 letters, digits, dots, dashes or underscores, or null') ?? '',
      prompt_version: this.#text('prompt_version', (text) => VERSION.test(text), 'must be v and a number from 1, or null') ?? '',
      model: this.#text('model', (text) => MODEL.test(text) && text.trim() === text, 'must be 1 to 100 printable characters') ?? '',
      duration_seconds: this.#decimal('duration_seconds'),
      credits_used: this.#decimal('credits_used') ?? '',
      generation_cost_usd: this.#decimal('generation_cost_usd') ?? '',
      asset_url: this.#text(
        'asset_url',
        isAssetUrl,
        'must be an absolute URL with :// and at most 2,048 characters, a /v1/assets/… of ours, or null',
      ),
      status: (this.#text('status', (text) => STATES.includes(text), `must be one of ${STATES.join(', ')}`) ?? '') as AttemptState,
      rejection_reason: this.#text(
        'rejection_reason',
        (text) => (REJECTION_REASONS as readonly string[]).includes(text),
        `must be null or one of ${REJECTION_REASONS.join(', ')}`,
      ) as ImportedAttempt['rejection_reason'],
      review_minutes: this.#decimal('review_minutes') ?? '',
      editing_minutes: this.#decimal('editing_minutes') ?? '',
      published: this.#boolean('published'),
      created_at: this.#text('created_at', isInstant, 'must be an RFC 3339 instant, 2026-05-21T12:00:00Z') ?? '',
    };
    // What fields say together is judged only where each of them can be read.
    if (this.errors.length === 0) this.#judge(attempt);
    return attempt;
  }

  #judge({ status, rejection_reason: reason, published, prompt_id: promptId, prompt_version: version }: ImportedAttempt): void {
    if ((promptId === '') !== (version === ''))
      this.#wrong('prompt_version', 'inconsistent', 'must be null where prompt_id is, and only there');
    const mustSayWhy = REASONED_STATES.has(status) || status === 'rejected';
    if (mustSayWhy && reason === null) this.#wrong('rejection_reason', 'required', `must say why: the status is ${status}`);
    if (USABLE_STATES.has(status) && reason !== null)
      this.#wrong('rejection_reason', 'inconsistent', `must be null: the status is ${status}, which rejects nothing`);
    if (published !== (status === 'published'))
      this.#wrong('published', 'inconsistent', `must be ${status === 'published'}: the status is ${status}`);
  }

  /** Null where the field is null, left out or wrong. */
  #value(name: Field): Exclude<FlatValue, { kind: 'null' }> | null {
    const value = this.members.get(name);
    if (value === undefined) {
      if (!OPTIONAL.has(name)) this.#wrong(name, 'required', 'is missing');
      return null;
    }
    if (value.kind !== 'null') return value;
    if (!OPTIONAL.has(name) && !NULLABLE.has(name)) this.#wrong(name, 'required', 'must not be null');
    return null;
  }

  #text(name: Field, isRight: (text: string) => boolean, rule: string): string | null {
    const value = this.#value(name);
    if (value === null) return null;
    if (value.kind === 'string' && isRight(value.raw)) return value.raw;
    this.#wrong(name, 'invalid', value.kind === 'string' ? rule : `must be a string: ${rule}`);
    return null;
  }

  #boolean(name: 'published'): boolean {
    const value = this.#value(name);
    if (value?.kind === 'boolean') return value.raw === 'true';
    if (value !== null) this.#wrong(name, 'invalid', 'must be true or false');
    return false;
  }

  #decimal(name: keyof typeof RANGES): string | null {
    const value = this.#value(name);
    if (value === null) return null;
    const text = value.kind === 'number' ? exactDecimal(value.raw) : null;
    const { above, max } = RANGES[name];
    if (text === null) {
      const detail =
        value.kind === 'number' ? 'has more digits than are kept exactly: 15 before the point, 20 behind it' : 'must be a number';
      this.#wrong(name, 'invalid', detail);
    } else if (text.startsWith('-') || (above && text === '0') || isMore(text, max)) {
      this.#wrong(name, 'out_of_range', `must be ${above ? 'above' : 'at least'} 0 and at most ${max}`);
    } else return text;
    return null;
  }

  #wrong(field: string, code: AttemptLineError['code'], detail: string): void {
    if (this.errors.length < ERRORS_PER_LINE_MAX) this.errors.push(error(field, code, detail));
  }
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const SHORT = /^(?:0|[1-9]\d{0,14})(?:\.\d{0,14}[1-9])?$/;

/** A JSON number's value in its shortest exact digits; null where it has more than are kept. */
export function exactDecimal(token: string): string | null {
  if (SHORT.test(token)) return token;
  const match = NUMBER.exec(token);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const point = whole.length - (whole.length + fraction.length - digits.length) + Number(exponent);
  // What is beyond these would only be zeros, and more of them than any limit lets through.
  if (Math.abs(point) > 64 || digits.length > 64) return null;
  const plain =
    point <= 0
      ? `0.${'0'.repeat(-point)}${digits}`
      : `${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point)}`.replace(/\.$/, '');
  const value = parseDecimal(plain);
  return value === null ? null : sign + formatDecimal(value);
}

/** Of two decimals in their shortest form, neither negative; `max` is whole. */
function isMore(text: string, max: string): boolean {
  const point = text.indexOf('.');
  const whole = point === -1 ? text : text.slice(0, point);
  if (whole.length !== max.length) return whole.length > max.length;
  return whole > max || (whole === max && point !== -1);
}

function isId(text: string): boolean {
  return STUDIO_ID_PATTERN.test(text);
}

/** What a deployment without a PUBLIC_URL exports of its own assets. */
const OWN_ASSET = /^\/v1\/assets\/[0-9a-f]{64}\.[a-z0-9]{1,8}$/;

function isAssetUrl(text: string): boolean {
  return text.length <= ASSET_URL_LENGTH_MAX && (ASSET_URL.test(text) || OWN_ASSET.test(text));
}

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isInstant(text: string): boolean {
  const match = RFC3339.exec(text);
  if (match === null) return false;
  const year = Number(match[1]);
  const month = Number(match[2]);
  const day = Number(match[3]);
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
  if (year < 1971 || year > 9998 || day < 1 || day > days) return false;
  return Number(match[4]) <= 23 && Number(match[5]) <= 59 && Number(match[6]) <= 59;
}

function error(field: string | null, code: AttemptLineError['code'], detail: string): AttemptLineError {
  return { field, code, detail };
}
