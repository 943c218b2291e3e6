// 6 publish · composes the relay: any number of processes may run it, the one that holds the lease publishes.
import { Inject, Injectable, Module, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { invariant, type Clock } from '#libs/kernel';
import type { CustomerKeys, EventStore } from '#libs/event-store';
import type { Messaging } from '#libs/messaging';
import {
  CLOCK,
  CONFIG,
  CUSTOMER_KEYS,
  EVENT_STORE,
  LOGGER,
  MESSAGING,
  METRICS,
  PG_POOL,
  READINESS,
  type Config,
  type Readiness,
} from '#libs/platform';
import { RelayMetrics } from './relay.metrics.js';
import { Relay } from './relay.js';

const RELAY = Symbol('Relay');

/** Publishes from the start of the process to its end; it ends before Kafka's connections and the pool do. */
@Injectable()
export class RelayRole implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(@Inject(RELAY) readonly relay: Relay) {}

  onApplicationBootstrap(): void {
    this.relay.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.relay.stop();
  }
}

@Module({
  providers: [
    RelayRole,
    {
      provide: RELAY,
      inject: [EVENT_STORE, PG_POOL, MESSAGING, CUSTOMER_KEYS, CLOCK, CONFIG, LOGGER, METRICS, READINESS],
      useFactory: (
        store: EventStore,
        pool: pg.Pool,
        messaging: Messaging | null,
        keys: CustomerKeys,
        clock: Clock,
        config: Config,
        logger: Logger,
        registry: Registry,
        readiness: Readiness,
      ): Relay => {
        invariant(messaging !== null, 'the relay is composed only where KAFKA_BROKERS are set');
        const relay = new Relay({ store, pool, messaging, keys, clock, settings: config, logger, metrics: new RelayMetrics(registry) });
        readiness.register('relay', () => relay.health());
        return relay;
      },
    },
  ],
  exports: [RelayRole],
})
export class RelayModule {}
