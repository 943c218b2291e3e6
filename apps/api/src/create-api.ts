// 1 HTTP in · makes the HTTP side of a process from its root module: adapter, hooks, routes, document; opens it and drains it.
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { Logger } from 'pino';
import { nestLogger, type Config } from '#libs/platform';
import { AccountRouting } from '#libs/routing';
import { AuditLog } from './audit/audit-log.js';
import { ApiAdapter } from './http/api.adapter.js';
import { Drain } from './http/drain.js';
import { registerHooks } from './http/hooks.js';
import { ProblemFilter, ProblemSender } from './http/problem.filter.js';
import { ApiKeys } from './keys/api-keys.service.js';
import { HttpMetrics } from './metrics/http.metrics.js';
import { OPENAPI_TEXT } from './openapi/openapi.token.js';
import { requestLimits } from './validation/limits.js';

const IDLE_LOOK_MS = 50;

export interface ApiOptions {
  config: Config;
  /** The process's own, as PlatformModule was given it. */
  logger: Logger;
}

export interface Api {
  app: NestFastifyApplication;
  /** Of the deployment's first start: to be shown once, it is kept nowhere. */
  firstAdminKey: string | null;
  /** Opens the port of the configuration; answers where. */
  listen(): Promise<{ host: string; port: number; url: string }>;
  /** Finishes what is under way within `drainTimeoutMs`, then ends the whole application. Safe to call twice. */
  close(): Promise<void>;
}

/** `root` imports ApiModule beside the platform, the event store, the libs' modules and any other role of the process. */
export async function createApi(root: Type | DynamicModule, { config, logger }: ApiOptions): Promise<Api> {
  const { promptCharactersMax, metadataKeysMax, metadataCharactersMax } = config;
  Object.assign(requestLimits, { promptCharactersMax, metadataKeysMax, metadataCharactersMax });
  const sender = new ProblemSender(logger);
  const adapter = new ApiAdapter(config, sender);
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: nestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  try {
    const keys = app.get(ApiKeys, { strict: false });
    const drain = app.get(Drain, { strict: false });
    registerHooks(app.getHttpAdapter().getInstance(), {
      keys,
      config,
      logger,
      metrics: app.get(HttpMetrics, { strict: false }),
      audit: app.get(AuditLog, { strict: false }),
    });
    app.useGlobalFilters(new ProblemFilter(sender));
    const document = JSON.parse(app.get<string>(OPENAPI_TEXT, { strict: false })) as OpenAPIObject;
    SwaggerModule.setup('docs', app, document, { raw: false, customSiteTitle: 'Rollcredits API' });
    const { firstAdminKey } = await keys.start();
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    return { app, firstAdminKey, listen: () => listen(app, config), close: closing(app, drain, config) };
  } catch (error) {
    await app.close().catch(() => undefined);
    throw error;
  }
}

async function listen(
  app: NestFastifyApplication,
  config: Pick<Config, 'host' | 'port'>,
): Promise<{ host: string; port: number; url: string }> {
  await app.listen(config.port, config.host);
  // Whoever serves may own accounts: from here on other processes send it commands on them.
  await app.get(AccountRouting, { strict: false }).join();
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return { host: config.host, port, url: `http://${host}:${port}` };
}

/** First its accounts, to the processes that stay; then the HTTP side alone, while everything behind it still works; then the rest of the application. */
function closing(app: NestFastifyApplication, drain: Drain, config: Pick<Config, 'drainTimeoutMs'>): () => Promise<void> {
  let closed: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    drain.begin();
    await app.get(AccountRouting, { strict: false }).handOver();
    const server = app.getHttpServer();
    // A connection whose last answer went out after the port was closed would stay open until its client lets go.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
    const timer = setTimeout(() => server.closeAllConnections(), config.drainTimeoutMs);
    try {
      await app.getHttpAdapter().close();
    } finally {
      clearInterval(idle);
      clearTimeout(timer);
    }
    await app.close();
  };
  return () => (closed ??= close());
}
