// 1–4 · gives a process the catalogue in memory, seeded and followed, the quotes that were given, and the handlers of its changes.
import { Global, Inject, Module, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Clock } from '#libs/kernel';
import type { EventStore } from '#libs/event-store';
import { CATALOGUE, CLOCK, EVENT_STORE, LOGGER, PG_POOL, PROVIDERS, QUOTE_STORE } from '#libs/platform';
import { CatalogueMemory } from './catalogue.memory.js';
import { CatalogueWriter } from './catalogue.writer.js';
import { PriceModelHandler, PutModelHandler, RetireModelHandler } from './model.handler.js';
import type { ProviderRules } from './parameters.js';
import { PutPlanHandler } from './plan.handler.js';
import { PostgresQuoteStore } from './quote-store.postgres.js';
import { seedCatalogue } from './seed.js';

/** Needs EVENT_STORE, PG_POOL, CLOCK, LOGGER and PROVIDERS from global modules; gives CATALOGUE and QUOTE_STORE. */
@Global()
@Module({
  providers: [
    {
      provide: CATALOGUE,
      inject: [EVENT_STORE, CLOCK, PROVIDERS, LOGGER],
      useFactory: async (store: EventStore, clock: Clock, providers: ReadonlyMap<string, ProviderRules>, logger: Logger) => {
        const written = await seedCatalogue(store, clock);
        if (written > 0) logger.info({ written }, 'the default catalogue was written');
        const catalogue = new CatalogueMemory(store, providers, (err) => logger.warn({ err }, 'the catalogue lost the event store'));
        await catalogue.start();
        return catalogue;
      },
    },
    {
      provide: CatalogueWriter,
      inject: [EVENT_STORE, CATALOGUE, CLOCK],
      useFactory: (store: EventStore, catalogue: CatalogueMemory, clock: Clock) => new CatalogueWriter(store, catalogue, clock),
    },
    {
      provide: QUOTE_STORE,
      inject: [PG_POOL],
      useFactory: (...[pool]: ConstructorParameters<typeof PostgresQuoteStore>) => new PostgresQuoteStore(pool),
    },
    PutModelHandler,
    PriceModelHandler,
    RetireModelHandler,
    PutPlanHandler,
  ],
  exports: [CATALOGUE, QUOTE_STORE],
})
export class CatalogueModule implements BeforeApplicationShutdown {
  constructor(@Inject(CATALOGUE) private readonly catalogue: CatalogueMemory) {}

  /** Before the store is closed under the subscription. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.catalogue.close();
  }
}
