// 2 decide · how a refusal says which member of a request is wrong; called by every check of the catalogue.
import { refuse, type JsonObject, type Refusal } from '#libs/kernel';

export interface FieldError {
  /** RFC 6901, into the request's body: `/parameters/durationSeconds`. */
  pointer: string;
  detail: string;
}

export function pointer(...parts: string[]): string {
  return parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export function refuseFields(errors: readonly FieldError[]): Refusal<'validation_failed'> {
  const first = errors[0] as FieldError;
  const detail = errors.length === 1 ? `${first.pointer} ${first.detail}` : `${errors.length} members are not valid`;
  return refuse('validation_failed', detail, { errors: errors.map((error): JsonObject => ({ ...error })) });
}
