// The whole deployment in one process on a database of its own, spoken to by injected requests; for the API's specs.
import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApi, ApiModule, type Api } from '#apps/api';
import { OrchestratorModule } from '#apps/orchestrator';
import { ProjectorModule } from '#apps/projector';
import type { Catalogue } from '#libs/catalogue';
import { compose } from '#libs/composition';
import { CATALOGUE, createLogger, parseConfig, READ_MODELS, type Config } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { holdAgainstDocument } from './openapi-check.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

export const ADMIN_KEY = `rc_${'a'.repeat(40)}`;

export interface Answer {
  status: number;
  headers: Record<string, string>;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are asserted member by member
  body: any;
  text: string;
}

export interface ApiWorld {
  api: Api;
  config: Config;
  database: TestDatabase;
  logged: string[];
  call(
    method: string,
    path: string,
    body?: unknown,
    options?: {
      key?: string | null;
      headers?: Record<string, string>;
      raw?: string | Buffer;
      /** The answer is not held against the document. */ unchecked?: boolean;
    },
  ): Promise<Answer>;
  /** A part that does not answer within two seconds is down, which on a busy machine any part may be for a moment. */
  ready(): Promise<void>;
  /** Makes a key and answers its text. */
  newKey(scopes: string[], more?: { accounts?: string[]; tenant?: string }): Promise<string>;
  close(): Promise<void>;
}

/** What the deployment waits for and then goes on without: a read for its key's own writes, a cancellation for its index, a stream for its end. */
const BEST_EFFORT_MS = { min: 2_000, max: 5_000 };
const PATIENCE_MS = 60_000;

/** A machine that is busy with other suites may lag for longer than a customer is kept waiting, and no spec here is about what is shown then. */
function makePatient(api: Api): void {
  for (const models of [
    api.app.get<ReadModels>(READ_MODELS, { strict: false }),
    api.app.get<Catalogue>(CATALOGUE, { strict: false }),
  ] as Array<Pick<ReadModels, 'waitFor'>>) {
    const waitFor = models.waitFor.bind(models);
    models.waitFor = (position, timeoutMs) =>
      waitFor(position, timeoutMs >= BEST_EFFORT_MS.min && timeoutMs <= BEST_EFFORT_MS.max ? PATIENCE_MS : timeoutMs);
  }
}

export async function createApiWorld(
  env: Record<string, string> = {},
  options: { orchestrated?: boolean; database?: TestDatabase } = {},
): Promise<ApiWorld> {
  const database = options.database ?? (await createTestDatabase());
  const assetsDir = await mkdtemp(join(tmpdir(), 'rollcredits-assets-'));
  const config = parseConfig({ PORT: '0', ADMIN_API_KEY: ADMIN_KEY, DATABASE_URL: database.url, ASSETS_DIR: assetsDir, ...env });
  const logged: string[] = [];
  const logger = createLogger(config, { process: 'api', destination: { write: (line: string) => void logged.push(line) } });
  const roles = options.orchestrated === false ? [ApiModule, ProjectorModule] : [ApiModule, ProjectorModule, OrchestratorModule];
  const api = await createApi(compose({ config, databaseUrl: config.databaseUrl ?? database.url, logger, process: 'api' }, roles), {
    config,
    logger,
  });
  makePatient(api);
  const fastify = api.app.getHttpAdapter().getInstance();
  const world: ApiWorld = {
    api,
    config,
    database,
    logged,
    async call(method, path, body, { key = ADMIN_KEY, headers = {}, raw, unchecked } = {}) {
      const response = await fastify.inject({
        method: method,
        url: path,
        headers: {
          ...(key !== null && { authorization: `Bearer ${key}` }),
          ...((body !== undefined || raw !== undefined) && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...((body !== undefined || raw !== undefined) && { payload: raw ?? JSON.stringify(body) }),
      });
      const isJson = /^application\/(problem\+)?json/.test(String(response.headers['content-type'] ?? ''));
      const answered: unknown = isJson && response.payload !== '' ? JSON.parse(response.payload) : null;
      if (unchecked !== true)
        holdAgainstDocument(method, path, response.statusCode, String(response.headers['content-type'] ?? ''), answered);
      return { status: response.statusCode, headers: response.headers as Record<string, string>, body: answered, text: response.payload };
    },
    ready: () => until(async () => (await world.call('GET', '/readyz', undefined, { key: null, unchecked: true })).status === 200),
    async newKey(scopes, more = {}) {
      const made = await world.call('POST', '/v1/api-keys', { name: 'spec', scopes, ...more });
      if (made.status !== 201) throw new Error(made.text);
      return (made.body as { key: string }).key;
    },
    async close() {
      await api.close();
      await rm(assetsDir, { recursive: true, force: true });
      if (options.database === undefined) await database.drop();
    },
  };
  return world;
}
