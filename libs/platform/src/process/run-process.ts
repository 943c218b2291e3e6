// The life of a process: one sentence and a non-zero exit when it cannot start, an orderly end on a signal, a forced one on the second; every main is run by it.
import type { Logger } from 'pino';
import { startupSentence } from './startup-sentence.js';

export interface Lifetime {
  /** What was opened last is closed first. */
  onStop(stop: () => Promise<void>): void;
  /** Faults that nobody caught are logged with it before the process ends. */
  logger?: Logger;
  /** Throws when a signal came during the start: between two steps there is no use in going on. */
  goOn(): void;
}

/** A stop that takes longer than this was not orderly. */
const STOP_TIMEOUT_MS = 90_000;

class Interrupted extends Error {}

/** `start` returns when the process serves. The process then lives until a signal, or until a fault that nobody caught. */
export function runProcess(name: string, start: (lifetime: Lifetime) => Promise<void>): void {
  const stops: Array<() => Promise<void>> = [];
  let ending: Promise<void> | null = null;
  let interrupted = false;
  const lifetime: Lifetime = {
    onStop: (stop) => void stops.push(stop),
    goOn() {
      if (interrupted) throw new Interrupted();
    },
  };
  const say = (sentence: string): void => void process.stderr.write(`${name}: ${sentence}\n`);
  // Whoever read our lines may leave before we do.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

  const end = (code: number): Promise<void> => (ending ??= endOrderly(stops, say).then((clean) => process.exit(clean ? code : 1)));
  const starting = start(lifetime).catch(async (error: unknown) => {
    if (!(error instanceof Interrupted)) say(startupSentence(error));
    await end(error instanceof Interrupted ? 0 : 1);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (interrupted) {
        say(`ended at once by a second ${signal}`);
        process.exit(1);
      }
      interrupted = true;
      void starting.then(() => end(0));
    });
  }
  const fail = (error: unknown): void => {
    lifetime.logger?.fatal({ err: error }, 'a fault that nobody caught ends this process');
    say(`ended by a fault of its own: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
    void end(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
}

/** False if something could not be closed properly. */
async function endOrderly(stops: Array<() => Promise<void>>, say: (sentence: string) => void): Promise<boolean> {
  setTimeout(() => {
    say(`did not end within ${STOP_TIMEOUT_MS} ms and is cut off`);
    process.exit(1);
  }, STOP_TIMEOUT_MS).unref();
  let clean = true;
  for (const stop of stops.reverse()) {
    try {
      await stop();
    } catch (error) {
      clean = false;
      say(`could not end cleanly: ${startupSentence(error)}`);
    }
  }
  return clean;
}
