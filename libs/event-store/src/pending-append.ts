// 3 append · one command on its way into the log, its texts already made: what happens to its objects later changes nothing.
import { invariant } from '#libs/kernel';
import type { EventStoreUnavailable, Appended, AppendResult, CommandAppend, CommandMeta, StreamAppend } from './event-store.port.js';
import { toPosition } from './position.js';

export type Settled = (outcome: AppendResult | EventStoreUnavailable) => void;

/** What fits into `command_index`, and far more than any command writes. */
const FACTS_PER_COMMAND_MAX = 32_767;

export class PendingAppend {
  readonly meta: CommandMeta;
  readonly appends: readonly StreamAppend[];
  readonly metaText: string;
  /** One per fact, in order over all appends. */
  readonly dataTexts: string[] = [];

  constructor(
    command: CommandAppend,
    readonly settled: Settled,
  ) {
    this.meta = command.meta;
    this.appends = command.appends;
    this.metaText = metaTextOf(command.meta);
    for (const { facts, stream } of command.appends) {
      invariant(facts.length > 0, () => `an append to ${stream} without facts`);
      for (const { data } of facts) this.dataTexts.push(JSON.stringify(data));
    }
    invariant(this.rows > 0 && this.rows <= FACTS_PER_COMMAND_MAX, () => `a command of ${this.rows} facts`);
  }

  get rows(): number {
    return this.dataTexts.length;
  }

  /** The answer when its first fact stands at `base + 1`. */
  appended(base: number, recordedAt: number, repeated: boolean): Appended {
    let place = base;
    const revisions: number[] = [];
    const positions: string[] = [];
    for (const { expectedRevision, facts } of this.appends) {
      place += facts.length;
      revisions.push(expectedRevision + facts.length);
      positions.push(toPosition(place));
    }
    return { ok: true, revisions, positions, firstPosition: toPosition(base + 1), position: toPosition(place), recordedAt, repeated };
  }
}

/** A list, so that it is short; `metaOf` is its inverse. */
function metaTextOf({ commandId, tenant, actor, correlationId, causationId, requestHash }: CommandMeta): string {
  return JSON.stringify([commandId, tenant, actor, correlationId, causationId, requestHash]);
}

export type MetaFields = [
  commandId: string,
  tenant: string,
  actor: string,
  correlationId: string,
  causationId: string | null,
  requestHash: string | null,
];

export function metaOf(text: string): MetaFields {
  return JSON.parse(text) as MetaFields;
}
