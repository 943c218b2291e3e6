// 4 project · one connection of the engine's own: a batch's rows and its checkpoints go out as one pipelined transaction.
import pg from 'pg';
import type { Position } from '#libs/event-store';
import type { Statement } from './read-model.port.js';

export interface Advance {
  versions: ReadonlyArray<{ name: string; version: number }>;
  from: Position;
  to: Position;
  lease: string;
  token: string;
}

/** This process is not the one that projects any more, or somebody else moved the checkpoint: nothing was written. */
export class FencedOut extends Error {
  override readonly name = 'FencedOut';
}

const ADVANCE = 'SELECT projection_advance($1, $2, $3, $4, $5, $6)';

/**
 * Every statement joins a batch's keys to one index, whatever the statistics of a table that grew from nothing a moment ago say; and one
 * plan serves all sizes of batch. A commit does not wait for the disk: rows and checkpoint that a crash takes are taken together, and the log
 * makes them again.
 */
const SETTINGS = `SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET jit = off`;

/** Raised by projection_advance. */
const FENCE_STATES: ReadonlySet<string | undefined> = new Set(['RC001', 'RC002']);

export class BatchWriter {
  readonly #client: pg.Client;
  #lost: Error | null = null;

  private constructor(client: pg.Client) {
    this.#client = client;
    client.on('error', (error: Error) => (this.#lost = error));
  }

  /** Connects as the pool does. */
  static async connect(pool: pg.Pool): Promise<BatchWriter> {
    const client = new pg.Client({ ...pool.options, pipeline: true });
    const writer = new BatchWriter(client);
    await client.connect();
    await client.query(SETTINGS);
    return writer;
  }

  async read<Row extends object>(statement: Statement): Promise<Row[]> {
    this.#assertConnected();
    return (await this.#client.query<Row>(statement)).rows;
  }

  /** All of it or nothing. Throws the first error of a statement; {@link FencedOut} when the checkpoints would not move. */
  async write(statements: readonly Statement[], advance: Advance): Promise<void> {
    this.#assertConnected();
    const sent = [this.#client.query('BEGIN')];
    for (const statement of statements) sent.push(this.#client.query(statement));
    sent.push(
      this.#client.query({
        name: 'projection_advance',
        text: ADVANCE,
        values: [
          advance.versions.map(({ name }) => name),
          advance.versions.map(({ version }) => version),
          advance.from,
          advance.to,
          advance.lease,
          advance.token,
        ],
      }),
      // After an error this is a rollback: PostgreSQL commits no transaction that has failed.
      this.#client.query('COMMIT'),
    );
    const ends = await Promise.allSettled(sent);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed === undefined) return;
    const error = failed.reason as Error & { code?: string };
    if (FENCE_STATES.has(error.code)) throw new FencedOut(error.message);
    throw error;
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  #assertConnected(): void {
    if (this.#lost !== null) throw this.#lost;
  }
}
