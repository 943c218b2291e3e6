// The start of a projector, an orchestrator or a relay as a process of its own, against DATABASE_URL; their mains name themselves and call it.
import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Registry } from 'prom-client';
import {
  createLogger,
  METRICS,
  nestLogger,
  parseConfig,
  READINESS,
  runProcess,
  serveHealth,
  StartupError,
  type Config,
  type Readiness,
} from '#libs/platform';
import { compose } from './core.modules.js';
import { externalDatabase } from './external-database.js';
import { openDatabase } from './open-database.js';

export interface Role {
  name: 'projector' | 'orchestrator' | 'relay';
  module: Type;
  port: (config: Config) => number;
  /** Refuses to start without KAFKA_BROKERS. */
  needsKafka?: boolean;
}

export function runRole(role: Role): void {
  runProcess(role.name, async (lifetime) => {
    const config = parseConfig();
    const databaseUrl = externalDatabase(config, role.name);
    if (role.needsKafka === true && config.kafkaBrokers === null)
      throw new StartupError(`the ${role.name} needs KAFKA_BROKERS: without it there is nowhere to publish to`);
    const logger = createLogger(config, { process: role.name });
    lifetime.logger = logger;
    const pool = await openDatabase(role.name, databaseUrl, config, logger, lifetime);
    const root = compose({ config, pool, logger, process: role.name }, [role.module]);

    const app = await NestFactory.createApplicationContext(root, { logger: nestLogger(logger), abortOnError: false });
    lifetime.onStop(() => app.close());
    lifetime.goOn();
    const health = await serveHealth({
      host: config.host,
      port: role.port(config),
      readiness: app.get<Readiness>(READINESS),
      metrics: app.get<Registry>(METRICS),
    });
    lifetime.onStop(() => health.close());
    process.stdout.write(`The ${role.name} runs; ${health.url}/readyz says how it is.\n`);
  });
}
