// 4 project · the registry of read model versions: which there are, which is active, how far each has got; used by the engine and by reads.
import type pg from 'pg';
import { inTransaction } from '#libs/platform';
import { POSITION_START, type Position } from '#libs/event-store';
import { type ReadModel, versioned } from './read-model.port.js';

export type VersionState = 'building' | 'active' | 'retired';

export interface VersionFailure {
  position: Position;
  eventId: string;
  error: string;
  at: Date;
}

export interface VersionRow {
  name: string;
  version: number;
  codeVersion: number;
  state: VersionState;
  switchWhenLevel: boolean;
  position: Position;
  failure: VersionFailure | null;
}

/** Any constants serve: they name this product's own locks among the database's advisory locks. */
const REGISTRY_LOCK = 7_261_020_654;

const SELECT_VERSIONS = `
  SELECT name, version, code_version, state, switch_when_level, position, failed_position, failed_event_id, failed_error, failed_at
    FROM projection_versions ORDER BY name, version`;

const SELECT_ACTIVE_POSITION = `SELECT min(position) AS position FROM projection_versions WHERE state = 'active'`;

export class ProjectionRegistry {
  constructor(private readonly pool: pg.Pool) {}

  async versions(): Promise<VersionRow[]> {
    const { rows } = await this.pool.query<{
      name: string;
      version: number;
      code_version: number;
      state: VersionState;
      switch_when_level: boolean;
      position: string;
      failed_position: string | null;
      failed_event_id: string | null;
      failed_error: string | null;
      failed_at: Date | null;
    }>(SELECT_VERSIONS);
    return rows.map((row) => ({
      name: row.name,
      version: row.version,
      codeVersion: row.code_version,
      state: row.state,
      switchWhenLevel: row.switch_when_level,
      position: row.position,
      failure:
        row.failed_position === null
          ? null
          : {
              position: row.failed_position,
              eventId: row.failed_event_id ?? '',
              error: row.failed_error ?? '',
              at: row.failed_at ?? new Date(0),
            },
    }));
  }

  /** Where every active version has got to; the start of the log while there is none. */
  async activePosition(): Promise<Position> {
    const { rows } = await this.pool.query<{ position: string | null }>({
      name: 'projections_active_position',
      text: SELECT_ACTIVE_POSITION,
    });
    return rows[0]?.position ?? POSITION_START;
  }

  /**
   * Makes sure that every read model has a version of this code's making: the first one is active at once, as there is nothing older to
   * serve; a newer code's is built beside the old one.
   */
  async ensure(models: readonly ReadModel[]): Promise<void> {
    await this.#transaction(async (client) => {
      for (const model of models) {
        const { rows } = await client.query<{ version: number; code_version: number; state: VersionState }>(
          'SELECT version, code_version, state FROM projection_versions WHERE name = $1 ORDER BY version',
          [model.name],
        );
        const active = rows.find((row) => row.state === 'active');
        if (active === undefined) await this.#create(client, model, (rows.at(-1)?.version ?? 0) + 1, 'active', true);
        else if (
          active.code_version < model.codeVersion &&
          !rows.some((row) => row.state === 'building' && row.code_version >= model.codeVersion)
        ) {
          await this.#create(client, model, (rows.at(-1)?.version ?? 0) + 1, 'building', true);
        }
      }
    });
  }

  /** Registers a new version, to be filled from the log's start by whichever engine leads. Answers its number. */
  async build(model: ReadModel, switchWhenLevel: boolean): Promise<number> {
    return this.#transaction(async (client) => {
      const { rows } = await client.query<{ version: number }>('SELECT max(version) AS version FROM projection_versions WHERE name = $1', [
        model.name,
      ]);
      const version = (rows[0]?.version ?? 0) + 1;
      await this.#create(client, model, version, 'building', switchWhenLevel);
      return version;
    });
  }

  /**
   * Makes a built version the active one, if it stands where the active one stands or further: readers of the views see the one or the
   * other, never a mixture and never an older state. The old version keeps its tables until it is dropped.
   */
  async switchTo(model: ReadModel, version: number): Promise<boolean> {
    return this.#transaction(async (client) => {
      const { rows } = await client.query<{ version: number; state: VersionState; position: string }>(
        `SELECT version, state, position FROM projection_versions WHERE name = $1 AND state <> 'retired' ORDER BY version FOR UPDATE`,
        [model.name],
      );
      const active = rows.find((row) => row.state === 'active');
      const built = rows.find((row) => row.version === version && row.state === 'building');
      if (built === undefined || (active !== undefined && built.position < active.position)) return false;
      await client.query(`UPDATE projection_versions SET state = 'retired' WHERE name = $1 AND state = 'active'`, [model.name]);
      await client.query(`UPDATE projection_versions SET state = 'active' WHERE name = $1 AND version = $2`, [model.name, version]);
      await pointViews(client, model, version);
      return true;
    });
  }

  /**
   * Removes a version that is not the active one, with its tables. A batch of the engine's may be on its way into them: it holds tables and
   * asks for the checkpoint last. So nothing is held here while something else is waited for, or each would wait for the other.
   */
  async drop(model: ReadModel, version: number): Promise<boolean> {
    return this.#alone(async (client) => {
      const retired = await client.query(
        `UPDATE projection_versions SET state = 'retired' WHERE name = $1 AND version = $2 AND state <> 'active'`,
        [model.name, version],
      );
      if (retired.rowCount !== 1) return false;
      for (const relation of model.relations) await client.query(`DROP TABLE IF EXISTS ${relation}_v${version}`);
      await client.query('DELETE FROM projection_versions WHERE name = $1 AND version = $2', [model.name, version]);
      return true;
    });
  }

  /** False where the version has moved or been dropped meanwhile: then there is nothing that fails. */
  async recordFailure(version: VersionRow, failure: { position: Position; eventId: string; error: string }): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      `UPDATE projection_versions SET failed_position = $4, failed_event_id = $5, failed_error = $6, failed_at = clock_timestamp()
        WHERE name = $1 AND version = $2 AND position = $3 AND state <> 'retired'`,
      [version.name, version.version, version.position, failure.position, failure.eventId, failure.error.slice(0, 2000)],
    );
    return rowCount === 1;
  }

  async #create(client: pg.ClientBase, model: ReadModel, version: number, state: VersionState, switchWhenLevel: boolean): Promise<void> {
    await client.query(versioned(model.tableSql, version));
    await client.query(
      `INSERT INTO projection_versions (name, version, code_version, state, switch_when_level, position) VALUES ($1, $2, $3, $4, $5, $6)`,
      [model.name, version, model.codeVersion, state, switchWhenLevel, POSITION_START],
    );
    if (state === 'active') await pointViews(client, model, version);
  }

  #transaction<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result> {
    return inTransaction(this.pool, async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [REGISTRY_LOCK]);
      return work(client);
    });
  }

  /** Under the registry's lock, but every statement for itself: what it locks it gives back at once. */
  async #alone<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result> {
    const client = await this.pool.connect();
    let isLocked = true;
    try {
      await client.query('SELECT pg_advisory_lock($1)', [REGISTRY_LOCK]);
      const result = await work(client);
      await client.query('SELECT pg_advisory_unlock($1)', [REGISTRY_LOCK]);
      isLocked = false;
      return result;
    } finally {
      // The lock ends with its connection.
      client.release(isLocked);
    }
  }
}

/** Columns may differ between versions, so the view is made anew; inside the transaction nobody sees it missing. */
async function pointViews(client: pg.ClientBase, model: ReadModel, version: number): Promise<void> {
  for (const relation of model.relations) {
    await client.query(`DROP VIEW IF EXISTS ${relation}`);
    await client.query(`CREATE VIEW ${relation} AS SELECT * FROM ${relation}_v${version}`);
  }
}
