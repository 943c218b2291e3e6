// 2 decide · the two shapes of refusal that several decisions share.
import { refuse, type Refusal } from '#libs/kernel';

/** 400 with the place in the body: `pointer` is a JSON pointer of the request. */
export function invalid(pointer: string, detail: string): Refusal<'validation_failed'> {
  return refuse('validation_failed', detail, { errors: [{ pointer, detail }] });
}

export function noAccount(): Refusal<'not_found'> {
  return refuse('not_found', 'There is no such account.');
}
