// The words that the schemas of answers are written in; used by answer.schemas.ts and by the parts of it that stand with their routes.
import { POSITION_PATTERN } from '#libs/event-store';
import { BUCKETS } from '#libs/ledger';
import type { JsonSchema } from '../validation/rules.js';

/** Every member is there, always, and no other. */
export function object(properties: Record<string, JsonSchema>, optional: readonly string[] = []): JsonSchema {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}
export const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
export const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
export const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] });
export const nextCursor: JsonSchema = { type: ['string', 'null'], description: 'For `?cursor=`; null on the last page.' };
export const page = (name: string): JsonSchema => object({ data: list(ref(name)), nextCursor });

const POSITION = { pattern: POSITION_PATTERN.source, description: 'Place in the log: opaque, fixed width, ordered bytewise.' };
export const position: JsonSchema = { type: 'string', ...POSITION };
export const positionOrNull: JsonSchema = { type: ['string', 'null'], ...POSITION };
export const text: JsonSchema = { type: 'string' };
export const textOrNull: JsonSchema = { type: ['string', 'null'] };
export const instant: JsonSchema = { type: 'string', format: 'date-time' };
export const instantOrNull: JsonSchema = { type: ['string', 'null'], format: 'date-time' };
export const count: JsonSchema = { type: 'integer', minimum: 0 };
export const signed: JsonSchema = { type: 'integer' };
export const bucket: JsonSchema = { type: 'string', enum: [...BUCKETS] };
