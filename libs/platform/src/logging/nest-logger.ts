// Lets Nest's own messages go through the process's logger; handed to NestFactory by every main.
import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** Nest's start-up chatter is `debug` here; what it warns of keeps its level. */
export function nestLogger(logger: Logger): LoggerService {
  const fields = (rest: unknown[]): { context?: string } => {
    const context = rest.at(-1);
    return typeof context === 'string' ? { context } : {};
  };
  return {
    log: (message: unknown, ...rest: unknown[]) => logger.debug(fields(rest), text(message)),
    debug: (message: unknown, ...rest: unknown[]) => logger.debug(fields(rest), text(message)),
    verbose: (message: unknown, ...rest: unknown[]) => logger.trace(fields(rest), text(message)),
    warn: (message: unknown, ...rest: unknown[]) => logger.warn(fields(rest), text(message)),
    error: (message: unknown, ...rest: unknown[]) => {
      const named = fields(rest);
      const line = { ...named, ...(message instanceof Error ? { err: message } : {}) };
      // Nest logs a start that failed before it rethrows it, and then the main says it in one sentence.
      if (named.context === 'ExceptionHandler') logger.debug(line, text(message));
      else logger.error(line, text(message));
    },
    fatal: (message: unknown, ...rest: unknown[]) => logger.fatal(fields(rest), text(message)),
  };
}

function text(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : JSON.stringify(message);
}
