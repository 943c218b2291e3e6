// 1 HTTP in · reads a DTO's rules back out of class-validator's metadata, once per class; the check, the schema and the errors share it.
import { getMetadataStorage } from 'class-validator';
import type { Dto, JsonSchema, Rule } from './rules.js';

export interface MemberRules {
  name: string;
  optional: boolean;
  rules: Rule[];
  nested: Dto | null;
}

const byDto = new Map<Dto, MemberRules[]>();

export function membersOf(dto: Dto): MemberRules[] {
  let members = byDto.get(dto);
  if (members === undefined) {
    members = readMembers(dto);
    byDto.set(dto, members);
  }
  return members;
}

function readMembers(dto: Dto): MemberRules[] {
  const members = new Map<string, MemberRules>();
  for (const metadata of getMetadataStorage().getTargetValidationMetadatas(dto, '', false, false)) {
    let member = members.get(metadata.propertyName);
    if (member === undefined)
      members.set(metadata.propertyName, (member = { name: metadata.propertyName, optional: false, rules: [], nested: null }));
    if (metadata.type === 'conditionalValidation') member.optional = true;
    for (const constraint of (metadata.constraints as unknown[] | undefined) ?? []) {
      if (!isRule(constraint)) continue;
      member.rules.push(constraint);
      if (constraint.nested) member.nested = constraint.nested;
    }
  }
  return [...members.values()];
}

function isRule(value: unknown): value is Rule {
  return typeof value === 'object' && value !== null && (value as { isRule?: unknown }).isRule === true;
}

/** The JSON Schema of a DTO: what the OpenAPI document shows. */
export function schemaOf(dto: Dto): JsonSchema {
  const members = membersOf(dto);
  const properties: Record<string, JsonSchema> = {};
  for (const member of members) {
    const schema = member.nested ? schemaOf(member.nested) : (Object.assign({}, ...member.rules.map((rule) => rule.schema)) as JsonSchema);
    properties[member.name] = member.optional ? nullable(schema) : schema;
  }
  const required = members.filter((member) => !member.optional).map((member) => member.name);
  return { type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false };
}

function nullable(schema: JsonSchema): JsonSchema {
  if (typeof schema['type'] !== 'string') return schema;
  const allowed = schema['enum'] as unknown[] | undefined;
  return { ...schema, type: [schema['type'], 'null'], ...(allowed && { enum: [...allowed, null] }) };
}
