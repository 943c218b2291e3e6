// 4 project · what a read model is to the engine: tables, and a fold from facts to the rows of one batch.
import type { StoredFact } from '#libs/event-store';

/** One prepared statement; values are in the forms that node-postgres takes, arrays as binary (see binary-arrays.ts). */
export interface Statement {
  name: string;
  text: string;
  values: unknown[];
}

/** Reads rows that a fold needs, before the batch's transaction: the engine is the only writer of them. */
export type ReadRows = <Row extends object>(statement: Statement) => Promise<Row[]>;

/** One version of a read model, being projected. The engine calls load, fold, write in turn, then committed or aborted. */
export interface Projection {
  /** Brings what the facts build on into memory. */
  load(facts: readonly StoredFact[], read: ReadRows): Promise<void>;
  /** Folds the batch in memory. Throws on a fact that it cannot apply. */
  fold(facts: readonly StoredFact[]): void;
  /** The batch's rows, each key once; `to` is where the checkpoint will stand. */
  write(to: string): Statement[];
  committed(): void;
  /** Forgets everything that was folded: nothing of it was written. */
  aborted(): void;
}

export interface ReadModel {
  readonly name: string;
  /** Grows when the same facts are to make other rows: a new version is then built beside the old one. */
  readonly codeVersion: number;
  /** Relations made by tableSql, without `_vN`: queries read views of these names, which a switch points at the new version. */
  readonly relations: readonly string[];
  /** Those among them that say how facts were projected (in which batches) and not what they come to: a comparison leaves them out. */
  readonly incidental?: readonly string[];
  /** `CREATE TABLE name_vN …`, where `_vN` stands for the version. */
  readonly tableSql: string;
  open(version: number): Projection;
}

/** `balance_grant_vN` → `balance_grant_v3`. */
export function versioned(sql: string, version: number): string {
  return sql.replaceAll('_vN', `_v${version}`);
}
