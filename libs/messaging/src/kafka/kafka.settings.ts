// What the Kafka client needs to know, and how patient it is; read from the configuration, shortened by tests.
import { readFileSync } from 'node:fs';
import { StartupError, type Config } from '#libs/platform';

export interface KafkaSettings {
  brokers: readonly string[];
  clientId: string;
  /** Null: plain text. */
  tls: { ca: string | null } | null;
  sasl: Config['kafkaSasl'];
  replicationFactor: number | null;
  patience: KafkaPatience;
}

export interface KafkaPatience {
  connectionTimeoutMs: number;
  requestTimeoutMs: number;
  /** How often one send is tried again before it is given up: enough for a change of leader. */
  sendRetries: number;
  pingTimeoutMs: number;
  sessionTimeoutMs: number;
  /** How long a broker may hold back an answer to a consumer that has nothing to read; also how long a consumer takes to stop. */
  fetchWaitMs: number;
  /** A consumer that gave no sign of life for so long is begun anew. */
  silenceMaxMs: number;
  /** Between two attempts of the consumer to come back, and of a handler that failed. */
  backoff: { firstMs: number; maxMs: number };
}

export function kafkaPatience(config: Pick<Config, 'kafkaRequestTimeoutMs' | 'kafkaSessionTimeoutMs'>): KafkaPatience {
  return {
    connectionTimeoutMs: Math.min(3_000, config.kafkaRequestTimeoutMs),
    requestTimeoutMs: config.kafkaRequestTimeoutMs,
    sendRetries: 5,
    pingTimeoutMs: 1_500,
    sessionTimeoutMs: config.kafkaSessionTimeoutMs,
    fetchWaitMs: 100,
    silenceMaxMs: Math.max(60_000, 3 * (config.kafkaSessionTimeoutMs + config.kafkaRequestTimeoutMs)),
    backoff: { firstMs: 200, maxMs: 5_000 },
  };
}

/** Null without KAFKA_BROKERS. Throws a StartupError when the authority's file cannot be read. */
export function kafkaSettings(config: Config, clientId: string): KafkaSettings | null {
  if (config.kafkaBrokers === null) return null;
  return {
    brokers: config.kafkaBrokers,
    clientId,
    tls: config.kafkaTls ? { ca: config.kafkaTlsCaFile === null ? null : readAuthority(config.kafkaTlsCaFile) } : null,
    sasl: config.kafkaSasl,
    replicationFactor: config.kafkaReplicationFactor,
    patience: kafkaPatience(config),
  };
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartupError(`KAFKA_TLS_CA_FILE ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no reason given'})`);
  }
}
