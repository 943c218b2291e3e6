// Makes the OpenAPI 3.1 document from what the routes declare; served at /openapi.json, and committed as openapi.json where a test compares it.
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { RequestMethod, type Type } from '@nestjs/common';
import { PROBLEM_TYPES, type ProblemType } from '../problems/problem.catalogue.js';
import { membersOf, schemaOf } from '../validation/dto.rules.js';
import type { Dto, JsonSchema } from '../validation/rules.js';
import { ANSWER_SCHEMAS } from './answer.schemas.js';
import { ENDPOINT, type EndpointSpec } from './endpoint.decorator.js';

export interface OpenApiDocument extends JsonSchema {
  paths: Record<string, Record<string, JsonSchema>>;
}

interface Route {
  path: string;
  method: string;
  endpoint: EndpointSpec;
}

export function openApiDocument(controllers: readonly Type[]): OpenApiDocument {
  const paths: OpenApiDocument['paths'] = {};
  const bodies: Record<string, JsonSchema> = {};
  const refusals: Record<string, JsonSchema> = {};
  for (const route of routesOf(controllers)) {
    (paths[route.path] ??= {})[route.method] = operation(route, refusals);
    if (route.endpoint.body) bodies[bodyName(route.endpoint.body)] = schemaOf(route.endpoint.body);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Rollcredits',
      version: '1',
      summary: 'Credits and tasks of an AI video product, with proof.',
      description:
        'Errors are `application/problem+json`, see docs/errors.md. Every write answers its log `position`; every read takes `?atLeast=<position>`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] }],
    tags: [
      'Tasks',
      'Quotes',
      'Credits',
      'Disputes',
      'Adjustments',
      'Accounts',
      'Studio',
      'Assets',
      'Finance',
      'Support',
      'Ledger',
      'Catalogue',
      'API keys',
      'Operations',
    ].map((name) => ({
      name,
    })),
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', bearerFormat: 'rc_…', description: 'An API key. `admin` implies every scope.' },
      },
      schemas: { ...bodies, ...ANSWER_SCHEMAS },
      responses: Object.fromEntries(Object.entries(refusals).sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

export function routesOf(controllers: readonly Type[]): Route[] {
  return controllers.flatMap((controller) => {
    const prefix = Reflect.getMetadata(PATH_METADATA, controller) as string;
    return Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
      const handler = (controller.prototype as Record<string, unknown>)[name];
      const endpoint = typeof handler === 'function' ? (Reflect.getMetadata(ENDPOINT, handler) as EndpointSpec | undefined) : undefined;
      if (endpoint === undefined) return [];
      const own = Reflect.getMetadata(PATH_METADATA, handler as object) as string;
      const path = `/${[prefix, own]
        .flatMap((part) => part.split('/'))
        .filter((part) => part !== '')
        .join('/')}`.replaceAll(/:([A-Za-z]+)/g, '{$1}');
      const method = (RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler as object) as number] as string).toLowerCase();
      return [{ path, method, endpoint }];
    });
  });
}

function operation({ path, method, endpoint }: Route, refusals: Record<string, JsonSchema>): JsonSchema {
  const isWrite = method !== 'get';
  return {
    operationId: endpoint.id,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: [endpoint.description, scopeSentence(endpoint)].filter(Boolean).join('\n\n'),
    'x-scope': endpoint.open ? null : (endpoint.scope ?? 'any'),
    ...(endpoint.orScope !== undefined && { 'x-or-scope': endpoint.orScope }),
    ...(endpoint.open && { security: [] }),
    parameters: [
      ...pathParameters(path),
      ...queryParameters(endpoint),
      ...(method === 'post' && endpoint.upload === undefined ? [IDEMPOTENCY_KEY] : []),
    ],
    ...(endpoint.body && { requestBody: requestBody(endpoint) }),
    ...(endpoint.upload && { requestBody: uploadBody(endpoint.upload) }),
    responses: {
      ...Object.fromEntries(
        [endpoint.answer.status, ...(endpoint.answer.also ?? [])].map((status) => [
          String(status),
          success(endpoint, isWrite, method === 'post' && endpoint.upload === undefined),
        ]),
      ),
      ...problems(path, method, endpoint, refusals),
    },
  };
}

function scopeSentence(endpoint: EndpointSpec): string {
  if (endpoint.open) return 'No API key is needed.';
  const other = endpoint.orScope === undefined ? '' : ` or \`${endpoint.orScope}\``;
  const scope = endpoint.scope === null ? 'Any API key.' : `Scope \`${endpoint.scope}\`${other}.`;
  return endpoint.deployment ? `${scope} Keys of the deployment's own tenant only.` : scope;
}

const IDEMPOTENCY_KEY: JsonSchema = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key and request again get the first answer, for good.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

const REQUEST_ID: JsonSchema = { description: 'The id of this request, also in the log.', schema: { type: 'string' } };

function pathParameters(path: string): JsonSchema[] {
  return [...path.matchAll(/\{([A-Za-z]+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(endpoint: EndpointSpec): JsonSchema[] {
  if (!endpoint.query) return [];
  return membersOf(endpoint.query).map((member) => ({
    name: member.name,
    in: 'query',
    required: !member.optional,
    schema: Object.assign({}, ...member.rules.map((rule) => rule.schema)) as JsonSchema,
  }));
}

function requestBody(endpoint: EndpointSpec): JsonSchema {
  const schema = { $ref: `#/components/schemas/${bodyName(endpoint.body as Dto)}` };
  return {
    required: endpoint.bodyOptional !== true,
    content: { 'application/json': { schema, ...(endpoint.example && { example: endpoint.example }) } },
  };
}

function uploadBody(mediaTypes: readonly string[]): JsonSchema {
  return { required: true, content: Object.fromEntries(mediaTypes.map((type) => [type, { schema: { type: 'string' } }])) };
}

function bodyName(dto: Dto): string {
  return dto.name.replace(/Dto$/, '');
}

function success(endpoint: EndpointSpec, isWrite: boolean, isPost: boolean): JsonSchema {
  const { schema, mediaTypes = ['application/json'] } = endpoint.answer;
  const content = Object.fromEntries(
    mediaTypes.map((type) => [
      type,
      // JSON without a schema of its own is a file that somebody else wrote.
      { schema: type !== 'application/json' ? { type: 'string' } : schema === null ? {} : { $ref: `#/components/schemas/${schema}` } },
    ]),
  );
  return {
    description: endpoint.summary,
    headers: {
      'Request-Id': REQUEST_ID,
      ...(isWrite && { Position: { description: 'Where the log stands with this write.', schema: { type: 'string' } } }),
      ...(isPost && { 'Idempotent-Replay': { description: '`true` when this is the first answer again.', schema: { type: 'string' } } }),
    },
    ...((schema !== null || endpoint.answer.mediaTypes !== undefined) && { content }),
  };
}

/** What the route may be refused with, by status; every code that shares a status is named. */
function problems(path: string, method: string, endpoint: EndpointSpec, refusals: Record<string, JsonSchema>): Record<string, JsonSchema> {
  const codes = new Set<string>(endpoint.open ? [] : ['unauthorized', 'rate_limited', 'not_ready', 'internal']);
  const isAbout = path.includes('{') || (endpoint.body !== undefined && 'accountId' in (schemaOf(endpoint.body)['properties'] as object));
  if (!endpoint.open && (endpoint.scope !== null || endpoint.deployment)) codes.add('forbidden');
  if (endpoint.body || endpoint.query || method === 'post') codes.add('validation_failed');
  if (endpoint.body || endpoint.upload) ['payload_too_large', 'unsupported_media_type'].forEach((code) => codes.add(code));
  if (isAbout || endpoint.id === 'setTestClock') codes.add('not_found');
  if (method === 'post') codes.add('overloaded');
  if (method === 'post' && endpoint.upload === undefined) codes.add('idempotency_key_reused');
  for (const code of endpoint.problems ?? []) codes.add(code);
  const byStatus = new Map<number, ProblemType[]>();
  for (const code of codes) {
    const type = PROBLEM_TYPES.get(code) as ProblemType;
    byStatus.set(type.status, [...(byStatus.get(type.status) ?? []), type]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, types]) => {
      const name = types
        .map((type) => type.code)
        .sort()
        .join('-or-');
      refusals[name] ??= problemAnswer(types);
      return [String(status), { $ref: `#/components/responses/${name}` }];
    }),
  );
}

function problemAnswer(types: readonly ProblemType[]): JsonSchema {
  const codes = types.map((type) => type.code).sort();
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    headers: {
      'Request-Id': REQUEST_ID,
      ...(types.some((type) => type.retryAfter !== undefined) && {
        'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } },
      }),
    },
    content: {
      'application/problem+json': {
        schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: codes } } }] },
      },
    },
  };
}
