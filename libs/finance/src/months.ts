// Finance · months as accounting counts them: UTC, half-open, for every account; used by periods, summaries and the journal's read model.
import type { InstantMs } from '#libs/kernel';

export const DAY_MS = 86_400_000;
const MONTH = /^(\d{4})-(0[1-9]|1[0-2])$/;

/** `2026-11`; years 1970 to 9998. */
export function isMonth(text: string): boolean {
  const match = MONTH.exec(text);
  if (match === null) return false;
  const year = Number(match[1]);
  return year >= 1970 && year <= 9998;
}

export function monthRange(month: string): { from: InstantMs; to: InstantMs } {
  const [year, number] = month.split('-').map(Number) as [number, number];
  return { from: Date.UTC(year, number - 1), to: Date.UTC(year, number) };
}

export function monthOf(instant: InstantMs): string {
  return new Date(instant).toISOString().slice(0, 7);
}

export function nextMonth(month: string): string {
  return monthOf(monthRange(month).to);
}

/** The UTC midnight at or before. */
export function dayStart(instant: InstantMs): InstantMs {
  return Math.floor(instant / DAY_MS) * DAY_MS;
}

export function monthStart(instant: InstantMs): InstantMs {
  return monthRange(monthOf(instant)).from;
}

/** `2026-11-21` */
export function dayOf(instant: InstantMs): string {
  return new Date(instant).toISOString().slice(0, 10);
}
