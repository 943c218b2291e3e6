// 5 react · gives every process the vendors by their id; the orchestrator calls them, submissions ask them about parameters.
import { Global, Inject, Module, type OnModuleDestroy } from '@nestjs/common';
import type pg from 'pg';
import type { Clock } from '#libs/kernel';
import { CLOCK, PG_POOL, PROVIDERS } from '#libs/platform';
import type { Provider } from './provider.port.js';
import { SimulatorProvider } from './simulator/simulator.provider.js';

/** Needs PG_POOL and CLOCK; gives PROVIDERS. */
@Global()
@Module({
  providers: [
    {
      provide: PROVIDERS,
      useFactory: (pool: pg.Pool, clock: Clock): ReadonlyMap<string, Provider> => {
        const simulator = new SimulatorProvider(pool, clock);
        return new Map<string, Provider>([[simulator.id, simulator]]);
      },
      inject: [PG_POOL, CLOCK],
    },
  ],
  exports: [PROVIDERS],
})
export class ProvidersModule implements OnModuleDestroy {
  constructor(@Inject(PROVIDERS) private readonly providers: ReadonlyMap<string, Provider>) {}

  onModuleDestroy(): void {
    for (const provider of this.providers.values()) if (provider instanceof SimulatorProvider) provider.close();
  }
}
