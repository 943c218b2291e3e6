// One JSON line for each thing worth knowing, on standard error, with the ids of the request behind it and never a secret.
import { AsyncLocalStorage } from 'node:async_hooks';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../config.js';

/** What every line within a scope carries. */
export interface LogScope {
  requestId?: string;
  correlationId?: string;
  causationId?: string | null;
}

const scopes = new AsyncLocalStorage<LogScope>();

/** Lines logged by `work`, and by all that it awaits, carry these ids. */
export function inLogScope<Result>(scope: LogScope, work: () => Result): Result {
  return scopes.run(scope, work);
}

const SECRET_FIELDS = ['authorization', 'key', 'apiKey', 'password', 'databaseUrl', 'idempotencyKey'];

/** Keys and passwords inside texts, such as the message of an error that quotes a URL. */
const SECRET_TEXTS = /\brc_[A-Za-z0-9_-]{6,}|(?<=\bBearer\s+)[^\s"\\]+|(?<=\bpostgres(?:ql)?:\/\/)[^\s"\\@]+(?=@)/g;

/** Each match of {@link SECRET_TEXTS} has one of these beside or in it: a line without them needs no closer look. */
const SECRET_MARKS = ['rc_', 'Bearer', 'postgres'];

export interface LoggerOptions {
  /** `api`, `projector`, …: which process speaks. */
  process: string;
  destination?: DestinationStream;
}

export function createLogger(config: Pick<Config, 'logLevel' | 'adminApiKey'>, options: LoggerOptions): Logger {
  const adminKey = config.adminApiKey === null ? null : JSON.stringify(config.adminApiKey).slice(1, -1);
  const censor = (line: string): string => {
    const shown = SECRET_MARKS.some((mark) => line.includes(mark)) ? line.replace(SECRET_TEXTS, '[redacted]') : line;
    return adminKey === null ? shown : shown.replaceAll(adminKey, '[redacted]');
  };
  return pino(
    {
      level: config.logLevel,
      base: { process: options.process, pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
      serializers: { err: describeError },
      mixin: () => scopes.getStore() ?? {},
      hooks: { streamWrite: censor },
    },
    // Written without blocking the requests; the rest is flushed when the process exits.
    options.destination ?? pino.destination({ dest: 2, sync: false, minLength: 65_536, maxWrite: 262_144, periodicFlush: 100 }),
  );
}

/** What an error says, and no object that hangs on it: a driver's error carries its whole connection. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    type: name,
    message,
    ...(typeof code === 'string' ? { code } : {}),
    stack,
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  };
}
