// 2 decide · the checks that the studio's deciders share: each answers what is wrong, by its place in the request.
import { pointer, refuseFields, type FieldError } from '#libs/catalogue';
import type { Refusal } from '#libs/kernel';

/** Of briefs, prompts and clips, given by the caller or made; a version's id puts `@v<n>` behind it. */
export const STUDIO_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

export function invalid(member: string, detail: string): Refusal<'validation_failed'> {
  return refuseFields([{ pointer: member, detail }]);
}

/** 1 to `max` characters, not all of them blank. */
export function textErrors(value: unknown, at: string, max: number): FieldError[] {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= max && !UNPRINTABLE.test(value)) return [];
  return [{ pointer: at, detail: `must have 1 to ${max} printable characters` }];
}

export function listErrors(values: readonly unknown[], at: string, itemsMax: number, charactersMax: number): FieldError[] {
  if (values.length > itemsMax) return [{ pointer: at, detail: `must have at most ${itemsMax} entries` }];
  return values.flatMap((value, index) => textErrors(value, `${at}/${index}`, charactersMax));
}

/** Each of the words, and none twice. */
export function wordErrors(values: readonly string[], words: readonly string[], at: string): FieldError[] {
  const errors = values.flatMap((value, index) =>
    words.includes(value) ? [] : [{ pointer: `${at}/${index}`, detail: `must be one of ${words.join(', ')}` }],
  );
  if (new Set(values).size < values.length) errors.push({ pointer: at, detail: 'must not name one twice' });
  return errors;
}

export function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

/** The place of a variable in a request. */
export function variablePointer(name: string): string {
  return pointer('variables', name);
}
