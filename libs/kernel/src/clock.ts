// Time as the domain sees it: injected, so that tests and the test clock decide what now is.

/** An instant as milliseconds since the Unix epoch, UTC. Facts and answers carry it as RFC 3339 with milliseconds. */
export type InstantMs = number;

export interface Clock {
  now(): InstantMs;
}

// A busy process names the same few instants thousands of times a second: this millisecond, its deadline, the ends of grants.
const ISO_SLOTS = 127;
const isoInstants = new Float64Array(ISO_SLOTS).fill(NaN);
const isoTexts: string[] = new Array<string>(ISO_SLOTS).fill('');

/** `2026-11-21T20:28:26.123Z`: always 24 characters, so text order is time order. */
export function toIso(instant: InstantMs): string {
  const slot = instant % ISO_SLOTS;
  if (isoInstants[slot] === instant) return isoTexts[slot] as string;
  const text = new Date(instant).toISOString();
  // Before 1970 the remainder is negative: such instants are not kept.
  if (slot >= 0) {
    isoInstants[slot] = instant;
    isoTexts[slot] = text;
  }
  return text;
}

export function fromIso(text: string): InstantMs {
  return Date.parse(text);
}
