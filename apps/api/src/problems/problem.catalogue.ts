// 1 HTTP in · the only place where a refusal's code meets an HTTP status; docs/errors.md is made from it.
import type { ErrorCatalogue } from '#libs/kernel';
import { CATALOGUE_ERRORS } from '#libs/catalogue';
import { EVENT_STORE_ERRORS } from '#libs/event-store';
import { LEDGER_ERRORS } from '#libs/ledger';
import { REACTION_ERRORS } from '#libs/reactions';
import { SETTLEMENT_ERRORS } from '#libs/settlement';
import { STUDIO_ERRORS } from '#libs/studio';
import { TASK_ERRORS } from '#libs/tasks';
import { API_ERRORS } from './errors.js';

export interface ProblemType {
  code: string;
  type: string;
  status: number;
  title: string;
  meaning: string;
  retryable: boolean;
  /** Seconds, for `Retry-After`. */
  retryAfter?: number;
  /** What to do about it, where that is not plain. */
  hint?: string;
}

interface Mapping {
  status: number;
  title: string;
  retryAfter?: number;
  hint?: string;
}

const HTTP: Readonly<Record<string, Mapping>> = {
  validation_failed: { status: 400, title: 'The request is not valid' },
  fleet_not_configured: {
    status: 400,
    title: 'Worker fleets need Kafka',
    hint: 'Start every process of the deployment with `KAFKA_BROKERS`, or name another provider.',
  },
  unauthorized: { status: 401, title: 'An API key is needed', hint: 'Send `Authorization: Bearer rc_…`.' },
  insufficient_credits: { status: 402, title: 'Not enough credits', hint: 'Grant credits to the account, or wait for its next reset.' },
  forbidden: { status: 403, title: 'Not allowed' },
  plan_required: {
    status: 403,
    title: 'The plan does not include this',
    hint: 'Move the account to the plan in `requiredPlan`, or choose another model.',
  },
  account_suspended: { status: 403, title: 'The account is suspended' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'The route has no such method' },
  conflict: { status: 409, title: 'Conflict' },
  already_settled: { status: 409, title: 'Already settled' },
  already_exists: { status: 409, title: 'Already exists' },
  attempt_budget_exhausted: {
    status: 409,
    title: 'The brief has no attempts left',
    hint: 'Make a brief with another `attemptBudget`; what failed says why in its log.',
  },
  quote_expired: { status: 410, title: 'The quote has expired', hint: 'Ask for a new quote.' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is not JSON', hint: 'Send `Content-Type: application/json`.' },
  range_not_satisfiable: { status: 416, title: 'No such bytes', hint: 'Ask for bytes below the length that `Content-Range` names.' },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    hint: 'Use a new key for a new request.',
  },
  price_changed: { status: 422, title: 'The price is another', hint: 'Ask for a quote, or send the present price as `expectedCredits`.' },
  unknown_model: { status: 422, title: 'No such model' },
  rate_limited: { status: 429, title: 'Too many requests', retryAfter: 1 },
  too_many_tasks: { status: 429, title: 'Too many open tasks', retryAfter: 5, hint: 'Wait until tasks of the account have ended.' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'A fault of ours' },
  not_ready: { status: 503, title: 'Not ready', retryAfter: 1 },
  overloaded: { status: 503, title: 'Overloaded', retryAfter: 1 },
};

/** The first that names a code explains it: the edge sees every use of those that several contexts share. */
const CATALOGUES: readonly ErrorCatalogue[] = [
  API_ERRORS,
  EVENT_STORE_ERRORS,
  SETTLEMENT_ERRORS,
  LEDGER_ERRORS,
  CATALOGUE_ERRORS,
  TASK_ERRORS,
  REACTION_ERRORS,
  STUDIO_ERRORS,
];

export const PROBLEM_TYPES: ReadonlyMap<string, ProblemType> = new Map(
  Object.entries(HTTP).map(([code, mapping]) => {
    const entry = CATALOGUES.map((catalogue) => catalogue[code]).find((found) => found !== undefined);
    if (entry === undefined) throw new Error(`no catalogue explains the code ${code}`);
    return [code, { code, type: `urn:rollcredits:problem:${code}`, ...mapping, meaning: entry.meaning, retryable: entry.retryable }];
  }),
);

/** The codes that libs refuse with and that no status is given to: a fault that a test finds. */
export function unmappedCodes(): string[] {
  return CATALOGUES.flatMap((catalogue) => Object.keys(catalogue)).filter((code) => !PROBLEM_TYPES.has(code) && !(code in ALIASES));
}

/** Codes that say more inside than clients need. */
const ALIASES: Readonly<Record<string, string>> = { unknown_grant: 'not_found', not_open: 'not_found' };

export function problemTypeOf(code: string): ProblemType {
  return PROBLEM_TYPES.get(ALIASES[code] ?? code) ?? (PROBLEM_TYPES.get('internal') as ProblemType);
}
