// query · folds attempts of a log into the cells that a report is summed from: memory grows with what is told apart, never with the log.
import { DateTime } from 'luxon';
import { DAY_MS } from '#libs/finance';
import { fromIso, type InstantMs } from '#libs/kernel';
import { loggedPromptVersion } from '../prompt/prompt.facts.js';
import { ExactSum, formatSigned } from '../report/exact-sum.js';
import type { ReportGroup } from '../report/report.types.js';
import type { AttemptRecord } from '../studio.reads.port.js';
import type { RejectionReason } from '../clip/rejection-reasons.js';
import type { AttemptCell, CellKey } from './attempt-cell.js';

/** What a log itself can be sliced by; of a brief's campaign, channel and format it knows nothing. */
export type FoldKey = Extract<keyof CellKey, 'briefId' | 'model' | 'promptVersion'>;

const KEY_OF_GROUP: Readonly<Partial<Record<ReportGroup, FoldKey>>> = { brief: 'briefId', model: 'model', promptVersion: 'promptVersion' };

/** What has to be told apart for the groups of a report; state, reasons and week always are. */
export function foldKeyOf(groupBy: ReportGroup | null): FoldKey[] {
  const key = groupBy === null ? undefined : KEY_OF_GROUP[groupBy];
  return key === undefined ? [] : [key];
}

interface OpenCell {
  key: Pick<CellKey, FoldKey | 'week'>;
  state: AttemptRecord['status'];
  reason: RejectionReason | null;
  generations: number;
  reviewMinutes: ExactSum;
  editingMinutes: ExactSum;
  creditsUsed: ExactSum;
  costUsd: ExactSum;
}

export class AttemptFold {
  readonly #cells = new Map<string, OpenCell>();
  readonly #keys: ReadonlySet<FoldKey>;

  constructor(keys: Iterable<FoldKey>) {
    this.#keys = new Set(keys);
  }

  add(record: AttemptRecord): void {
    const cell = this.#cellOf(record);
    cell.generations += 1;
    cell.reviewMinutes.add(record.review_minutes);
    cell.editingMinutes.add(record.editing_minutes);
    cell.creditsUsed.add(record.credits_used);
    if (record.generation_cost_usd !== null) cell.costUsd.add(record.generation_cost_usd);
  }

  cells(): AttemptCell[] {
    return [...this.#cells.values()].map((cell) => {
      const cost = minorOf(cell.costUsd);
      return {
        ...{ campaign: null, channel: null, format: null, ...cell.key },
        state: cell.state,
        reasons: cell.reason === null ? [] : [cell.reason],
        generations: cell.generations,
        reviewMinutes: cell.reviewMinutes.toString(),
        brandReviewMinutes: '0',
        editingMinutes: cell.editingMinutes.toString(),
        creditsUsed: cell.creditsUsed.toString(),
        unpricedCredits: '0',
        ledgerCost: { USD: cost },
        providerCost: { USD: cost },
      };
    });
  }

  #cellOf(record: AttemptRecord): OpenCell {
    const week = isoWeekOf(fromIso(record.created_at));
    const briefId = this.#keys.has('briefId') ? record.brief_id : null;
    const model = this.#keys.has('model') ? record.model : null;
    const promptVersion = this.#keys.has('promptVersion') ? loggedPromptVersion(record) : null;
    const reason = record.rejection_reason as RejectionReason | null;
    const name = `${record.status}\0${reason ?? ''}\0${week}\0${briefId ?? ''}\0${model ?? ''}\0${promptVersion ?? ''}`;
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      const sums = { reviewMinutes: new ExactSum(), editingMinutes: new ExactSum(), creditsUsed: new ExactSum(), costUsd: new ExactSum() };
      cell = { key: { briefId, model, promptVersion, week }, state: record.status, reason, generations: 0, ...sums };
      this.#cells.set(name, cell);
    }
    return cell;
  }
}

export function cellsOf(records: Iterable<AttemptRecord>, keys: Iterable<FoldKey> = ['briefId', 'model', 'promptVersion']): AttemptCell[] {
  const fold = new AttemptFold(keys);
  for (const record of records) fold.add(record);
  return fold.cells();
}

let lastDay = NaN;
let lastWeek = '';

/** `2026-W21`: the ISO week in UTC. Attempts of one day mostly follow each other. */
export function isoWeekOf(instant: InstantMs): string {
  const day = Math.floor(instant / DAY_MS);
  if (day !== lastDay) {
    lastWeek = DateTime.fromMillis(instant, { zone: 'utc' }).toFormat("kkkk-'W'WW");
    lastDay = day;
  }
  return lastWeek;
}

/** Cents of dollars; a log may name fractions of them. */
function minorOf(dollars: ExactSum): string {
  const { digits, scale } = dollars.value();
  return scale >= 2 ? formatSigned({ digits, scale: scale - 2 }) : formatSigned({ digits: digits * 10n ** BigInt(2 - scale), scale: 0 });
}
