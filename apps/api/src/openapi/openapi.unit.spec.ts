import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { API_CONTROLLERS } from '../api.controllers.js';
import { SCOPES } from '../keys/api-key.js';
import { openApiDocument, routesOf } from './openapi.document.js';

const CONTRACT = [
  'DELETE /v1/api-keys/{id}',
  'DELETE /v1/models/{id}',
  'GET /healthz',
  'GET /metrics',
  'GET /openapi.json',
  'GET /readyz',
  'GET /v1/accounts',
  'GET /v1/accounts/{id}',
  'GET /v1/accounts/{id}/balance',
  'GET /v1/accounts/{id}/grants',
  'GET /v1/accounts/{id}/history',
  'GET /v1/accounts/{id}/movements',
  'GET /v1/accounts/{id}/statement',
  'GET /v1/adjustments',
  'GET /v1/api-keys',
  'GET /v1/assets/{name}',
  'GET /v1/attempts/export',
  'GET /v1/audit',
  'GET /v1/benchmarks',
  'GET /v1/benchmarks/{name}',
  'GET /v1/briefs',
  'GET /v1/briefs/{id}',
  'GET /v1/clips',
  'GET /v1/clips/{id}',
  'GET /v1/disputes',
  'GET /v1/disputes/{id}',
  'GET /v1/finance/aging',
  'GET /v1/finance/summary',
  'GET /v1/journal',
  'GET /v1/journal/export',
  'GET /v1/ledger/consistency',
  'GET /v1/ledger/head',
  'GET /v1/ledger/heads',
  'GET /v1/ledger/key',
  'GET /v1/ledger/proof',
  'GET /v1/models',
  'GET /v1/models/{id}',
  'GET /v1/models/{id}/prices',
  'GET /v1/periods',
  'GET /v1/periods/{period}',
  'GET /v1/plans',
  'GET /v1/plans/{id}',
  'GET /v1/prompts',
  'GET /v1/prompts/{id}',
  'GET /v1/prompts/{id}/versions',
  'GET /v1/prompts/{id}/versions/{version}',
  'GET /v1/provider-bills/{id}/lines',
  'GET /v1/reports/cost-per-usable-clip',
  'GET /v1/review-queue',
  'GET /v1/tasks',
  'GET /v1/tasks/{id}',
  'GET /v1/tasks/{id}/events',
  'GET /v1/tasks/{id}/explanation',
  'GET /v1/tasks/{id}/receipt',
  'GET /v1/users/{userId}/history',
  'POST /v1/accounts',
  'POST /v1/accounts/{id}/adjustments',
  'POST /v1/accounts/{id}/cycle-reset',
  'POST /v1/accounts/{id}/disputes',
  'POST /v1/accounts/{id}/grants',
  'POST /v1/accounts/{id}/grants/{grantId}/revoke',
  'POST /v1/accounts/{id}/plan',
  'POST /v1/accounts/{id}/resume',
  'POST /v1/accounts/{id}/suspend',
  'POST /v1/adjustments/{id}/approve',
  'POST /v1/adjustments/{id}/reject',
  'POST /v1/api-keys',
  'POST /v1/attempts/import',
  'POST /v1/briefs',
  'POST /v1/briefs/{id}/ready',
  'POST /v1/clips/{id}/moves',
  'POST /v1/clips/{id}/performance',
  'POST /v1/disputes/{id}/lost',
  'POST /v1/disputes/{id}/won',
  'POST /v1/periods/{period}/close',
  'POST /v1/prompts',
  'POST /v1/prompts/{id}/versions',
  'POST /v1/prompts/{id}/versions/{version}/render',
  'POST /v1/provider-bills',
  'POST /v1/quotes',
  'POST /v1/tasks',
  'POST /v1/tasks/batch',
  'POST /v1/tasks/{id}/cancel',
  'POST /v1/tasks/{id}/late-result/accept',
  'POST /v1/tasks/{id}/refunds',
  'POST /v1/test-clock',
  'PUT /v1/benchmarks/{name}',
  'PUT /v1/models/{id}',
  'PUT /v1/models/{id}/price',
  'PUT /v1/plans/{id}',
  'PUT /v1/prompts/{id}/labels/{label}',
];

const document = openApiDocument(API_CONTROLLERS);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

describe('the OpenAPI document', () => {
  it('is the committed one', () => {
    const committed = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'openapi.json'), 'utf8');
    expect(`${JSON.stringify(document, null, 2)}\n`).toBe(committed);
  });

  it('names each operation once, its scope, and its problems', () => {
    const ids = operations.map(({ operation }) => operation['operationId']);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations) {
      expect(operation).toHaveProperty('x-scope');
      if (path.startsWith('/v1/') && operation['security'] === undefined) {
        expect([...SCOPES, 'any']).toContain(operation['x-scope']);
        expect(Object.keys(operation['responses'] as object)).toEqual(expect.arrayContaining(['401', '500', '503']));
      } else expect(operation['x-scope']).toBeNull();
    }
  });

  it('refers to nothing that it does not have', () => {
    const components = document['components'] as Record<string, object>;
    for (const [, kind, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/([a-z]+)\/([^"]*)"/g))
      expect(components[kind as string]).toHaveProperty([name as string]);
  });

  it('has every route of the contract', () => {
    expect(
      routesOf(API_CONTROLLERS)
        .map(({ method, path }) => `${method.toUpperCase()} ${path}`)
        .sort(),
    ).toEqual(CONTRACT);
  });
});
