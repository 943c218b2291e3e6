// 5 react · gives every process the vendors by their id; the orchestrator calls them, submissions ask them about parameters.
import { Global, Inject, Module, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock } from '#libs/kernel';
import type { Messaging } from '#libs/messaging';
import {
  CLOCK,
  CONFIG,
  DEPLOYMENT_SECRET,
  LOGGER,
  MESSAGING,
  PG_POOL,
  PROVIDERS,
  type Config,
  type DeploymentSecret,
} from '#libs/platform';
import { FleetProvider } from './fleet/fleet.provider.js';
import type { Provider } from './provider.port.js';
import { SimulatorProvider } from './simulator/simulator.provider.js';

/** Needs CONFIG, PG_POOL, CLOCK, LOGGER and DEPLOYMENT_SECRET, and MESSAGING for fleets; gives PROVIDERS. */
@Global()
@Module({
  providers: [
    {
      provide: PROVIDERS,
      useFactory: (
        config: Config,
        pool: pg.Pool,
        clock: Clock,
        logger: Logger,
        secret: DeploymentSecret,
        messaging: Messaging | null | undefined,
      ): ReadonlyMap<string, Provider> => {
        const providers: Provider[] = [new SimulatorProvider(pool, clock)];
        if (messaging) providers.push(new FleetProvider({ pool, clock, messaging, secret, settings: config, logger }));
        return new Map(providers.map((provider) => [provider.id, provider]));
      },
      inject: [CONFIG, PG_POOL, CLOCK, LOGGER, DEPLOYMENT_SECRET, { token: MESSAGING, optional: true }],
    },
  ],
  exports: [PROVIDERS],
})
export class ProvidersModule implements OnModuleDestroy, BeforeApplicationShutdown {
  constructor(@Inject(PROVIDERS) private readonly providers: ReadonlyMap<string, Provider>) {}

  onModuleDestroy(): void {
    for (const provider of this.providers.values()) if (provider instanceof SimulatorProvider) provider.close();
  }

  /** The orchestrator, which stops with the modules, may call it until then. */
  async beforeApplicationShutdown(): Promise<void> {
    for (const provider of this.providers.values()) if (provider instanceof FleetProvider) await provider.close();
  }
}
