// What the routes of support answer, as JSON Schema; part of the OpenAPI document through answer.schemas.ts.
import { RULES } from '#libs/settlement';
import { TIMELINE_KINDS } from '#libs/projections';
import {
  bucket,
  count,
  instant,
  instantOrNull,
  list,
  nextCursor,
  object,
  orNull,
  page,
  position,
  ref,
  text,
  textOrNull,
} from '../openapi/schema.words.js';
import type { JsonSchema } from '../validation/rules.js';

const drawdownLine = object({ bucket, grantId: text, credits: count, expiresAt: instantOrNull });

export const SUPPORT_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Fact: object({
    id: text,
    type: text,
    schemaVersion: count,
    stream: text,
    revision: count,
    position,
    recordedAt: instant,
    effectiveAt: { ...instant, description: 'When it took effect in the books.' },
    actor: { ...text, description: 'The id of an API key, or the name of a process.' },
    correlationId: text,
    causationId: textOrNull,
    data: { type: 'object', description: 'As stored; erasable text is a digest. See docs/events.md.' },
  }),
  AccountHistory: object({ at: instant, position, account: ref('Account'), balance: ref('Balance'), data: list(ref('Fact')), nextCursor }),
  TimelineEntry: object({
    at: instant,
    kind: { type: 'string', enum: [...TIMELINE_KINDS] },
    accountId: text,
    taskId: text,
    type: { ...text, description: 'Of the fact; of a movement, the type that /movements shows.' },
    summary: text,
    credits: {
      type: 'integer',
      description: 'A task: its price. A decision: the credits decided over. A movement: the change of what is available.',
    },
    position,
    eventId: text,
  }),
  UserHistory: page('TimelineEntry'),
  Decision: object({
    at: instant,
    position,
    command: { type: 'object', properties: { type: text }, required: ['type'] },
    state: {
      ...object({ revision: count, plan: text, available: count, held: count, frozen: count, drawdown: list(drawdownLine) }),
      description: 'The account that the decision found.',
    },
    rule: { type: 'string', enum: Object.keys(RULES) },
    priceVersion: text,
    planVersion: count,
    outcome: { type: 'string', enum: ['accepted', 'refused'] },
    facts: list(text),
    refusal: orNull(object({ code: text, required: count, available: count, shortfall: count, requiredPlan: text })),
    actor: text,
    correlationId: text,
    reproduced: { type: 'boolean', description: 'Whether today’s code decides the very same on what was seen then.' },
    difference: orNull(object({ expected: {}, actual: {} })),
  }),
  Explanation: object({ taskId: text, reproduced: { type: 'boolean' }, decisions: list(ref('Decision')) }),
  AuditEntry: object({
    id: text,
    at: instant,
    actor: object({ keyId: text, name: text }),
    action: { ...text, description: 'The operationId.' },
    method: text,
    path: text,
    target: textOrNull,
    status: count,
    requestId: text,
    position: orNull(position),
  }),
  AuditList: page('AuditEntry'),
};
