// 4 project · which months are closed, as a read model keeps it beside its rows; used by every read model that dates facts by it.
import type { StoredFact } from '#libs/event-store';
import { ClosedPeriods, type Dated } from '#libs/finance';
import type { InstantMs } from '#libs/kernel';
import { instantArray, textArray } from './binary-arrays.js';
import { versioned, type ReadRows, type Statement } from './read-model.port.js';

export class KeptClosures {
  #known: ClosedPeriods | null = null;
  #changed = false;

  /** `relation` without `_vN`, with the columns tenant, through and closed_at; `prefix` begins the names of its statements. */
  constructor(
    private readonly relation: string,
    private readonly prefix: string,
    private readonly version: number,
  ) {}

  /** Once, and again after a batch was given up. */
  async load(read: ReadRows): Promise<void> {
    if (this.#known !== null) return;
    const known = new ClosedPeriods();
    const select = this.#statement('select_closed', `SELECT tenant, through, closed_at FROM ${this.relation}_vN`, []);
    for (const row of await read<{ tenant: string; through: Date; closed_at: Date }>(select))
      known.restore(row.tenant, row.through.getTime(), row.closed_at.getTime());
    this.#known = known;
  }

  /** From the fence on, not from the figures: what stands between the two belongs to no closed month any more. */
  fold({ type, tenant, data }: StoredFact): void {
    if (type !== 'PeriodCloseStarted') return;
    this.#known?.close(tenant, data['period'] as string, data['closedAt'] as string);
    this.#changed = true;
  }

  date(tenant: string, falls: InstantMs, recordedAt: InstantMs): Dated {
    return (this.#known as ClosedPeriods).date(tenant, falls, recordedAt);
  }

  write(): Statement[] {
    if (!this.#changed) return [];
    const closed = this.#known?.entries() ?? [];
    const values = [
      textArray(closed.map(({ tenant }) => tenant)),
      instantArray(closed.map(({ through }) => through)),
      instantArray(closed.map(({ closedAt }) => closedAt)),
    ];
    const upsert = `
  INSERT INTO ${this.relation}_vN (tenant, through, closed_at) SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  ON CONFLICT (tenant) DO UPDATE SET through = excluded.through, closed_at = excluded.closed_at`;
    return [this.#statement('upsert_closed', upsert, values)];
  }

  committed(): void {
    this.#changed = false;
  }

  aborted(): void {
    this.#changed = false;
    this.#known = null;
  }

  #statement(name: string, text: string, values: unknown[]): Statement {
    return { name: `${this.prefix}_v${this.version}_${name}`, text: versioned(text, this.version), values };
  }
}
