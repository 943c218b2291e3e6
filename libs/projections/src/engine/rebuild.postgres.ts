// 4 project · a read model on trial: built anew from the log beside the one that serves, then switched in or only compared; called by the CLI and by verify.
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { inTransaction } from '#libs/platform';
import type { EventStore, Position } from '#libs/event-store';
import type { ProjectionEngine } from './engine.postgres.js';
import type { VersionRow } from './registry.postgres.js';
import type { ReadModel } from './read-model.port.js';

/** One row that is other than the log makes it. Rows as JSON text with sorted members; null where there is none. */
export interface RowDifference {
  table: string;
  expected: string | null;
  actual: string | null;
}

export interface RebuildReport {
  name: string;
  version: number;
  /** Up to here both were compared, or the new one was built when it was switched in. */
  position: Position;
  switched: boolean;
  /** Of a comparison: the first few rows, and how many there are. */
  differences: RowDifference[];
  differing: number;
}

export interface RebuildProgress {
  position: Position;
  /** Where the active version stands: what the build is to reach. */
  target: Position;
}

export interface RebuildOptions {
  /** Only compare: what serves goes on serving. */
  diff: boolean;
  onProgress?: (progress: RebuildProgress) => void;
  signal?: AbortSignal;
}

/** The build met a fact that it could not apply. */
export class RebuildFailed extends Error {
  override readonly name = 'RebuildFailed';
}

const LOOK_MS = 50;
const DIFFERENCES_SHOWN_MAX = 10;

export class Rebuilds {
  constructor(
    private readonly engine: ProjectionEngine,
    private readonly store: Pick<EventStore, 'head'>,
    private readonly pool: pg.Pool,
    private readonly models: readonly ReadModel[],
  ) {}

  get names(): string[] {
    return this.models.map(({ name }) => name);
  }

  /** Whichever engine leads does the building, this process's or another's. Throws {@link RebuildFailed}. */
  async run(name: string, { diff, onProgress, signal }: RebuildOptions): Promise<RebuildReport> {
    const model = this.models.find((candidate) => candidate.name === name);
    if (model === undefined) throw new Error(`there is no read model ${name}: there are ${this.names.join(', ')}`);
    await this.dropRetired(model);
    const head = await this.store.head();
    const version = await this.engine.buildVersion(name, { switchWhenLevel: !diff });
    try {
      return await (diff ? this.compare(model, version, head, onProgress, signal) : this.switched(model, version, onProgress, signal));
    } finally {
      if (diff) await this.engine.dropVersion(name, version);
    }
  }

  /** What an earlier switch left standing was kept until now, so that one could go back. */
  private async dropRetired(model: ReadModel): Promise<void> {
    const rows = await this.engine.registry.versions();
    for (const { name, version, state } of rows)
      if (name === model.name && state === 'retired') await this.engine.dropVersion(name, version);
  }

  private async switched(
    model: ReadModel,
    version: number,
    onProgress: RebuildOptions['onProgress'],
    signal?: AbortSignal,
  ): Promise<RebuildReport> {
    for (;;) {
      const { built, active } = await this.rowsOf(model, version);
      onProgress?.({ position: built.position, target: active.position });
      if (built.state === 'active') {
        return { name: model.name, version, position: built.position, switched: true, differences: [], differing: 0 };
      }
      await pause(LOOK_MS, undefined, { signal });
    }
  }

  private async compare(
    model: ReadModel,
    version: number,
    head: Position,
    onProgress: RebuildOptions['onProgress'],
    signal?: AbortSignal,
  ): Promise<RebuildReport> {
    for (;;) {
      const { built, active } = await this.rowsOf(model, version);
      onProgress?.({ position: built.position, target: active.position });
      if (built.position >= active.position && built.position >= head) {
        const compared = await this.compareNow(model, version);
        if (compared !== null) return { name: model.name, version, switched: false, ...compared };
      }
      await pause(LOOK_MS, undefined, { signal });
    }
  }

  private async rowsOf(model: ReadModel, version: number): Promise<{ built: VersionRow; active: VersionRow }> {
    const rows = (await this.engine.registry.versions()).filter(({ name }) => name === model.name);
    const built = rows.find((row) => row.version === version);
    const active = rows.find(({ state }) => state === 'active');
    if (built === undefined || active === undefined) throw new RebuildFailed(`version ${version} of ${model.name} was dropped meanwhile`);
    if (built.failure !== null) {
      const { eventId, position, error } = built.failure;
      throw new RebuildFailed(`${model.name} cannot be built: fact ${eventId} at ${position}: ${error}`);
    }
    return { built, active };
  }

  /** Both at one position, in one snapshot of the database; null while they stand apart. */
  private compareNow(model: ReadModel, version: number): Promise<Pick<RebuildReport, 'position' | 'differences' | 'differing'> | null> {
    const compare = async (client: pg.ClientBase): ReturnType<Rebuilds['compareNow']> => {
      const { rows } = await client.query<{ version: number; state: string; position: Position }>(
        `SELECT version, state, position FROM projection_versions WHERE name = $1 AND (state = 'active' OR version = $2)`,
        [model.name, version],
      );
      const active = rows.find(({ state }) => state === 'active');
      const built = rows.find((row) => row.version === version);
      if (active === undefined || built === undefined || active.position !== built.position) return null;
      const differences: RowDifference[] = [];
      let differing = 0;
      for (const relation of model.relations.filter((name) => model.incidental?.includes(name) !== true)) {
        const found = await differencesIn(client, relation, version, active.version);
        differing += found.differing;
        differences.push(...found.differences);
      }
      return { position: active.position, differences: differences.slice(0, DIFFERENCES_SHOWN_MAX), differing };
    };
    return inTransaction(this.pool, compare, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  }
}

/** A row changed in place shows as one expected and one actual; the same row must not stand there twice either. */
async function differencesIn(
  client: pg.ClientBase,
  relation: string,
  expectedVersion: number,
  actualVersion: number,
): Promise<{ differences: RowDifference[]; differing: number }> {
  const only = (from: number, without: number): string =>
    `SELECT to_jsonb(d)::text AS row, count(*) OVER () AS n
       FROM (SELECT * FROM ${relation}_v${from} EXCEPT ALL SELECT * FROM ${relation}_v${without}) AS d
      ORDER BY to_jsonb(d)::text LIMIT ${DIFFERENCES_SHOWN_MAX}`;
  const expected = (await client.query<{ row: string; n: string }>(only(expectedVersion, actualVersion))).rows;
  const actual = (await client.query<{ row: string; n: string }>(only(actualVersion, expectedVersion))).rows;
  const differences = Array.from({ length: Math.max(expected.length, actual.length) }, (_, n) => ({
    table: relation,
    expected: expected[n]?.row ?? null,
    actual: actual[n]?.row ?? null,
  }));
  return { differences, differing: Math.max(Number(expected[0]?.n ?? 0), Number(actual[0]?.n ?? 0)) };
}
