// 2 decide · when billing periods end; called at opening, at every reset and for a prorated upgrade.
import { DateTime, IANAZone } from 'luxon';
import { invariant, type Credits, type InstantMs } from '#libs/kernel';

/** A name of the IANA database; offsets (`+02:00`) are none, because their months have no daylight saving to follow. */
export function isTimezone(name: string): boolean {
  if (knownZones.has(name)) return true;
  const isKnown = /^[A-Za-z]/.test(name) && IANAZone.isValidZone(name);
  if (isKnown && knownZones.size < KNOWN_ZONES_MAX) knownZones.add(name);
  return isKnown;
}

/** Each look makes a formatter of some hundred kilobytes outside the heap: a name that was found to be one is remembered. */
const knownZones = new Set<string>();
/** The database has some six hundred names; the rest is other spellings of theirs. */
const KNOWN_ZONES_MAX = 2_000;

/**
 * Boundary n: the anchor's local time of day, n months after its day, the day clamped to the month. Always counted from the anchor
 * itself, so 31 Jan → 28 Feb → 31 Mar. A local time that a clock change skips is moved on by the gap; of one that occurs twice the first counts.
 */
export function boundaryAt(anchor: InstantMs, timezone: string, n: number): InstantMs {
  const local = DateTime.fromMillis(anchor, { zone: timezone }).plus({ months: n });
  invariant(local.isValid, () => `no boundary ${n} of ${anchor} in ${timezone}`);
  return Math.min(...local.getPossibleOffsets().map((instant) => instant.toMillis()));
}

/** The first boundary after an instant, with its number. Boundaries begin at the anchor: one in the future is itself the first. */
export function nextBoundary(anchor: InstantMs, timezone: string, after: InstantMs): { n: number; at: InstantMs } {
  if (anchor > after) return { n: 0, at: boundaryAt(anchor, timezone, 0) };
  const zone = { zone: timezone };
  const months = Math.floor(DateTime.fromMillis(after, zone).diff(DateTime.fromMillis(anchor, zone), 'months').months);
  // The difference in months can be one off where days are clamped or clocks changed: step to the boundary that is meant.
  let n = Math.max(0, months - 1);
  while (boundaryAt(anchor, timezone, n) <= after) n += 1;
  return { n, at: boundaryAt(anchor, timezone, n) };
}

/** `cycle 2026-11`, named after the local month that it begins in. */
export function cycleReference(startsAt: InstantMs, timezone: string): string {
  const { year, month } = DateTime.fromMillis(startsAt, { zone: timezone });
  return `cycle ${year}-${String(month).padStart(2, '0')}`;
}

/** ⌈difference × time left ÷ cycle⌉, never more than the difference: before a first boundary that is far away more than a cycle can be left. */
export function prorated(difference: Credits, at: InstantMs, cycleStart: InstantMs, cycleEnd: InstantMs): Credits {
  const cycle = BigInt(cycleEnd - cycleStart);
  const left = BigInt(Math.min(cycleEnd - at, cycleEnd - cycleStart));
  return Number((BigInt(difference) * left + cycle - 1n) / cycle);
}
