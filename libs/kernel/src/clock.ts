// Time as the domain sees it: injected, so that tests and the test clock decide what now is.

/** An instant as milliseconds since the Unix epoch, UTC. Facts and answers carry it as RFC 3339 with milliseconds. */
export type InstantMs = number;

export interface Clock {
  now(): InstantMs;
}

/** `2026-11-21T20:28:26.123Z`: always 24 characters, so text order is time order. */
export function toIso(instant: InstantMs): string {
  return new Date(instant).toISOString();
}

export function fromIso(text: string): InstantMs {
  return Date.parse(text);
}
