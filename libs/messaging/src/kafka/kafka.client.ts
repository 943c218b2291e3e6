// Makes the kafkajs client of this process: who it is, how patient it is, and where its log lines go.
import { Kafka, logLevel, type LogEntry, type logCreator, type SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import type { KafkaSettings } from './kafka.settings.js';
import { calmRequestQueue } from './request-queue.patch.js';

/**
 * kafkajs calls an error whatever it tries again, many times a second while a broker is away. Our adapter says once that the broker is
 * gone and once that it is back; what kafkajs says itself is for someone who looks closer.
 */
export function kafkaLog(logger: Logger): logCreator {
  return () =>
    ({ level, namespace, log }: LogEntry) => {
      const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = log;
      logger.debug({ ...fields, kafka: namespace, level: logLevel[level] }, message);
    };
}

export function kafkaClient(settings: KafkaSettings, logger: Logger): Kafka {
  calmRequestQueue();
  const { patience, tls, sasl } = settings;
  return new Kafka({
    clientId: settings.clientId,
    brokers: [...settings.brokers],
    connectionTimeout: patience.connectionTimeoutMs,
    authenticationTimeout: patience.requestTimeoutMs,
    requestTimeout: patience.requestTimeoutMs,
    enforceRequestTimeout: true,
    // The retries of a connection multiply with those of what needed it, so there is one: who lasts for ever is our own loop.
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 1 },
    ...(tls === null ? {} : { ssl: tls.ca === null ? true : { ca: [tls.ca] } }),
    // A copy: kafkajs keeps what it needs to sign in on the object that it is given.
    ...(sasl === null ? {} : { sasl: { ...sasl } as SASLOptions }),
    logLevel: logger.isLevelEnabled('debug') ? logLevel.INFO : logLevel.ERROR,
    logCreator: kafkaLog(logger),
  });
}
