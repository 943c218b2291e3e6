// Hands every other module of a process its configuration, pool, clock, logger, metrics and readiness; imported once, by the main.
import { Global, Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { DeploymentClock } from './clock/deployment-clock.js';
import { toIso } from '#libs/kernel';
import type { Config } from './config.js';
import { createLogger } from './logging/logger.js';
import { createPool } from './postgres/pool.js';
import { deploymentSecret } from './secret/deployment-secret.js';
import { createMetrics } from './telemetry/metrics.js';
import { Readiness } from './telemetry/readiness.js';
import { CLOCK, CONFIG, DEPLOYMENT_SECRET, LOGGER, METRICS, PG_POOL, READINESS } from './tokens.js';

export interface PlatformOptions {
  config: Config;
  /** Where PostgreSQL is; default `config.databaseUrl`, which an embedded one leaves null. */
  databaseUrl?: string;
  /** `api`, `projector`, …; default `standalone`. */
  process?: string;
  /** Given by a test or a main that has one already; what is given here is not closed here. */
  pool?: pg.Pool;
  clock?: DeploymentClock;
  logger?: Logger;
  metrics?: Registry;
  readiness?: Readiness;
}

const OPENED = Symbol('Opened');

@Global()
@Module({})
export class PlatformModule implements OnApplicationShutdown {
  constructor(@Inject(OPENED) private readonly opened: Opened) {}

  static with(options: PlatformOptions): DynamicModule {
    const name = options.process ?? 'standalone';
    const logger = options.logger ?? createLogger(options.config, { process: name });
    return {
      module: PlatformModule,
      providers: [
        { provide: CONFIG, useValue: options.config },
        { provide: LOGGER, useValue: logger },
        { provide: METRICS, useValue: options.metrics ?? createMetrics(name) },
        { provide: READINESS, useFactory: () => options.readiness ?? new Readiness() },
        { provide: OPENED, inject: [READINESS], useFactory: (readiness: Readiness) => open(options, name, logger, readiness) },
        { provide: PG_POOL, inject: [OPENED], useFactory: (opened: Opened) => opened.pool },
        {
          provide: DEPLOYMENT_SECRET,
          inject: [PG_POOL],
          useFactory: (pool: pg.Pool) => deploymentSecret(pool, options.config),
        },
        { provide: CLOCK, inject: [OPENED], useFactory: (opened: Opened) => opened.clock },
      ],
      exports: [CONFIG, LOGGER, METRICS, PG_POOL, CLOCK, READINESS, DEPLOYMENT_SECRET],
    };
  }

  /** The last hook of a shutdown: whoever uses the pool has stopped by then. */
  async onApplicationShutdown(): Promise<void> {
    await this.opened.close();
  }
}

interface Opened {
  pool: pg.Pool;
  clock: DeploymentClock;
  close(): Promise<void>;
}

async function open(options: PlatformOptions, name: string, logger: Logger, readiness: Readiness): Promise<Opened> {
  const pool = options.pool ?? openPool(options, name, logger);
  const clock = options.clock ?? (await DeploymentClock.open(pool, options.config));
  const parts = [
    readiness.register('postgres', async () => {
      await pool.query('SELECT 1');
      return { status: 'ok' };
    }),
    ...(options.config.testClock
      ? [readiness.register('testClock', () => ({ status: 'ok', detail: 'the test clock is on', now: toIso(clock.now()) }))]
      : []),
  ];
  return {
    pool,
    clock,
    async close() {
      for (const takeAway of parts) takeAway();
      if (options.clock === undefined) await clock.close();
      if (options.pool === undefined) await pool.end();
    },
  };
}

function openPool(options: PlatformOptions, name: string, logger: Logger): pg.Pool {
  const databaseUrl = options.databaseUrl ?? options.config.databaseUrl;
  if (databaseUrl === null) throw new Error('PlatformModule needs a databaseUrl or a pool');
  return createPool({
    databaseUrl,
    sizeMax: options.config.poolSize,
    applicationName: `rollcredits-${name}`,
    onError: (error) => logger.warn({ err: error }, 'a connection to PostgreSQL broke'),
  });
}
