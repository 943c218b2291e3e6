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

/** Which totals there are to read: by day and month, by day alone, by month alone, or none. */
export type Grains = 'days and months' | 'days' | 'months' | 'none';

export function piecesOf(range: Range, grains: Grains = 'days and months'): Pieces {
  const pieces: Pieces = { months: [], days: [], instants: [] };
  const from = range.from ?? null;
  const to = range.to ?? null;
  if (from !== null && to !== null && from >= to) return pieces;
  switch (grains) {
    case 'none':
      pieces.instants.push({ from, to });
      return pieces;
    case 'days':
      split({ from, to }, dayEnd, dayStart, pieces.days, pieces.instants);
      return pieces;
    case 'months':
      split({ from, to }, nextMonthStart, monthStart, pieces.months, pieces.instants);
      return pieces;
    case 'days and months': {
      const days: Span[] = [];
      split({ from, to }, dayEnd, dayStart, days, pieces.instants);
      for (const span of days) split(span, nextMonthStart, monthStart, pieces.months, pieces.days);
      return pieces;
    }
  }
}

/** The whole units inside a span, and what is left at its ends. */
function split(
  { from, to }: Span,
  up: (at: InstantMs) => InstantMs,
  down: (at: InstantMs) => InstantMs,
  whole: Span[],
  rest: Span[],
): void {
  const first = from === null ? null : up(from);
  const last = to === null ? null : down(to);
  if (first !== null && last !== null && first >= last) {
    // Nothing whole in between: one rest, not two that meet.
    addSpan(rest, from, to);
    return;
  }
  if (from !== null) addSpan(rest, from, first);
  if (to !== null) addSpan(rest, last, to);
  addSpan(whole, first, last);
}

function addSpan(spans: Span[], from: InstantMs | null, to: InstantMs | null): void {
  if (from === null || to === null || from < to) spans.push({ from, to });
}
