// Waits for a condition, never for the clock: the only place in the tests that looks again after a pause.
import { setTimeout as pause } from 'node:timers/promises';

export interface UntilOptions {
  withinMs?: number;
  everyMs?: number;
  /** Says in the error what was waited for. */
  what?: () => string;
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  { withinMs = 60_000, everyMs = 20, what }: UntilOptions = {},
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for ${what?.() ?? condition.toString()}`);
    await pause(everyMs);
  }
}
