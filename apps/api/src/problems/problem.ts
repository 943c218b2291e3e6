// 1 HTTP in · the one shape of every error answer: RFC 9457 problem+json with our code, the request's id and what the code needs.
import type { JsonObject, Refusal } from '#libs/kernel';
import type { FieldError } from '../validation/dto.check.js';
import { problemTypeOf } from './problem.catalogue.js';

export interface Problem extends JsonObject {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  requestId: string;
  retryable: boolean;
}

/** Thrown by the edge for what it refuses itself; a handler's refusal is a value and never becomes one. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';

  constructor(
    readonly code: string,
    detail: string,
    readonly fields: JsonObject = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
  }
}

export function invalid(errors: readonly FieldError[]): ApiProblem {
  const first = errors[0];
  const detail =
    errors.length === 1 && first
      ? `${first.pointer || 'The body'} ${first.detail}.`
      : `${errors.length} members of the request are not valid.`;
  return new ApiProblem('validation_failed', detail, { errors: errors.slice(0, 100).map((error) => ({ ...error })) });
}

export function notFound(what: string): ApiProblem {
  return new ApiProblem('not_found', `There is no such ${what}.`);
}

/** Where an answer is made: the path asked for, without its query, and the request's id. */
export interface Occasion {
  instance: string;
  requestId: string;
}

export function problemOf(code: string, detail: string, fields: JsonObject | undefined, at: Occasion): Problem {
  const type = problemTypeOf(code);
  return {
    type: type.type,
    title: type.title,
    status: type.status,
    detail,
    instance: at.instance,
    code: type.code,
    requestId: at.requestId,
    retryable: type.retryable,
    ...(type.hint !== undefined && { hint: type.hint }),
    ...fields,
  };
}

export function problemOfRefusal(refusal: Pick<Refusal, 'code' | 'detail' | 'fields'>, at: Occasion): Problem {
  return problemOf(refusal.code, refusal.detail, refusal.fields, at);
}
