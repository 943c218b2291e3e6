// query · a range of time as whole months, whole days and the rests of days at its ends, so that a sum over years reads few rows. Pure.
import { DAY_MS, dayStart, monthOf, monthRange, monthStart, type Range } from '#libs/finance';
import type { InstantMs } from '#libs/kernel';

/** Half-open; null has no bound. */
export interface Span {
  from: InstantMs | null;
  to: InstantMs | null;
}

export interface Pieces {
  /** Of totals by month: `from` and `to` are firsts of months. */
  months: Span[];
  /** Of totals by day: midnights. */
  days: Span[];
  /** Of postings. */
  instants: Span[];
}

/** The first midnight at or after. */
function dayEnd(instant: InstantMs): InstantMs {
  return dayStart(instant + DAY_MS - 1);
}

function nextMonthStart(instant: InstantMs): InstantMs {
  const start = monthStart(instant);
  return start === instant ? start : monthRange(monthOf(instant)).to;
}

/** `daysOnly` for figures that are shown by day. */
export function piecesOf(range: Range, daysOnly = false): Pieces {
  const pieces: Pieces = { months: [], days: [], instants: [] };
  const from = range.from ?? null;
  const to = range.to ?? null;
  if (from !== null && to !== null && from >= to) return pieces;
  const firstDay = from === null ? null : dayEnd(from);
  const lastDay = to === null ? null : dayStart(to);
  if (firstDay !== null && lastDay !== null && firstDay > lastDay) return { ...pieces, instants: [{ from, to }] };
  if (from !== null && firstDay !== from) pieces.instants.push({ from, to: firstDay });
  if (to !== null && lastDay !== to) pieces.instants.push({ from: lastDay, to });
  if (daysOnly) {
    addSpan(pieces.days, firstDay, lastDay);
    return pieces;
  }
  const firstMonth = firstDay === null ? null : nextMonthStart(firstDay);
  const lastMonth = lastDay === null ? null : monthStart(lastDay);
  if (firstMonth !== null && lastMonth !== null && firstMonth >= lastMonth) {
    addSpan(pieces.days, firstDay, lastDay);
    return pieces;
  }
  if (firstDay !== null) addSpan(pieces.days, firstDay, firstMonth);
  if (lastDay !== null) addSpan(pieces.days, lastMonth, lastDay);
  addSpan(pieces.months, firstMonth, lastMonth);
  return pieces;
}

function addSpan(spans: Span[], from: InstantMs | null, to: InstantMs | null): void {
  if (from === null || to === null || from < to) spans.push({ from, to });
}
