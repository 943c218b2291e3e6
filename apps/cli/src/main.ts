// `npx rollcredits`: reads the command line, runs one command, ends with a code that a script can read.
import 'reflect-metadata';
import { CommandFactory } from 'nest-commander';
import { StartupError } from '#libs/platform';
import { CliModule } from './cli.module.js';
import { CliError, EXIT } from './exit-codes.js';

await CommandFactory.run(CliModule, { logger: false, cliName: 'rollcredits', errorHandler: end, serviceErrorHandler: end });
process.exit(EXIT.done);

/** Commander's own errors are wrong command lines, except for those with which it ends after --help. */
function end(error: Error & { exitCode?: number; code?: string }): never {
  if (error.code?.startsWith('commander.') === true) process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
  const { exitCode, message, body } = asCliError(error);
  if (!('silent' in body)) {
    if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ error: { detail: message, ...body } })}\n`);
    else process.stderr.write(`rollcredits: ${message}\n`);
  }
  process.exit(exitCode);
}

function asCliError(error: Error): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof StartupError) return new CliError(EXIT.usage, error.message, { code: 'configuration' });
  return new CliError(EXIT.failed, error.message.split('\n')[0] ?? 'it failed', { code: 'internal' });
}
