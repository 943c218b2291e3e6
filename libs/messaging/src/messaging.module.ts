// Hands every other module of a process the messaging, or null where no Kafka is configured; imported once, by the composition.
import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { CONFIG, LOGGER, MESSAGING, METRICS, READINESS, type Config, type Readiness } from '#libs/platform';
import { KafkaMessaging } from './kafka/kafka-messaging.js';
import { kafkaSettings } from './kafka/kafka.settings.js';
import { MessagingMetrics } from './messaging.metrics.js';
import type { Messaging } from './messaging.port.js';

@Global()
@Module({
  providers: [
    {
      provide: MESSAGING,
      inject: [CONFIG, LOGGER, METRICS, READINESS],
      useFactory: (config: Config, logger: Logger, registry: Registry, readiness: Readiness): Messaging | null => {
        const settings = kafkaSettings(config, `rollcredits-${config.deploymentName}`);
        if (settings === null) return null;
        const messaging = new KafkaMessaging(settings, logger, new MessagingMetrics(registry));
        // What needs Kafka waits for it, what does not goes on: no process is down for it.
        readiness.register('kafka', async () => {
          try {
            await messaging.ping();
            return { status: 'ok' };
          } catch (error) {
            return { status: 'degraded', detail: `Kafka does not answer: ${(error as Error).message}` };
          }
        });
        return messaging;
      },
    },
  ],
  exports: [MESSAGING],
})
export class MessagingModule implements OnApplicationShutdown {
  constructor(@Inject(MESSAGING) private readonly messaging: Messaging | null) {}

  /** After those who publish and consume have stopped; whoever has not is stopped here. */
  async onApplicationShutdown(): Promise<void> {
    await this.messaging?.close();
  }
}
