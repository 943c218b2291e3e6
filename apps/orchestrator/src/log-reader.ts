// 5 react · reads the log once for all partitions of this process and hands each fact to its partition; one that was taken over behind catches up first.
import type { Clock } from '#libs/kernel';
import { parseStream, type EventStore, type LogPage, type Position, type StoredFact } from '#libs/event-store';
import { partitionOf } from '#libs/reactions';
import { DUE_FACT_TYPES } from './account-facts.js';
import { Alarm } from './alarm.js';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import type { OwnedPartition } from './owned-partition.js';

export interface LogReaderParts {
  store: Pick<EventStore, 'subscribe' | 'readAll' | 'readStreams'>;
  clock: Clock;
  metrics: Pick<OrchestratorMetrics, 'lagMs'>;
  /** Whether acts are under way. */
  isBusy: () => boolean;
  onTrouble: (error: Error) => void;
}

const FACT_TYPES = ['TaskSubmitted', 'TaskCancellationRequested', ...DUE_FACT_TYPES] as const;
const PAGE_SIZE = 1_000;
/** Under load the log is read in portions this far apart, rather than once for every append. */
const PAGE_PAUSE_MS = 10;
const RETRY_MS = 250;

type Followers = ReadonlyMap<number, OwnedPartition>;

export class LogReader {
  readonly #joined = new Map<number, OwnedPartition>();
  readonly #arrivals = new Alarm();
  /** Facts up to here were handed to all that have joined; null while nobody follows the log. */
  #routedTo: Position | null = null;
  #following = new AbortController();

  constructor(private readonly parts: LogReaderParts) {}

  /** Follows the log until aborted, for as long as there is anybody to follow it for. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#following.abort();
      this.#arrivals.ring();
    };
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      if (this.#joined.size === 0) await this.#arrivals.wait(60_000);
      if (this.#joined.size === 0 || this.#isAborted(signal)) continue;
      try {
        await this.#follow();
      } catch (error) {
        this.parts.onTrouble(error as Error);
        await this.#arrivals.wait(RETRY_MS);
      } finally {
        this.#routedTo = null;
      }
    }
    signal.removeEventListener('abort', stop);
  }

  /** Resolved when the partition follows the log with the others, or the signal was aborted before. */
  async join(partition: OwnedPartition, signal: AbortSignal): Promise<void> {
    const alone: Followers = new Map([[partition.index, partition]]);
    // Nobody follows yet: the log is read from where the last of those stands who begin together.
    while (!signal.aborted && this.#routedTo !== null && partition.seen < this.#routedTo) {
      try {
        const page = await this.parts.store.readAll({ after: partition.seen, limit: PAGE_SIZE, types: FACT_TYPES });
        if (!this.#isAborted(signal)) await this.#takeIn(page, alone);
      } catch (error) {
        this.parts.onTrouble(error as Error);
        await new Alarm().wait(RETRY_MS);
      }
    }
    if (signal.aborted) return;
    this.#joined.set(partition.index, partition);
    this.#arrivals.ring();
  }

  /** No further fact is handed to the partition, and none that is being handed out counts as seen. */
  leave(partition: OwnedPartition): void {
    if (this.#joined.get(partition.index) !== partition) return;
    this.#joined.delete(partition.index);
    if (this.#joined.size === 0) this.#following.abort();
  }

  async #follow(): Promise<void> {
    const { store, clock, metrics, isBusy } = this.parts;
    this.#following = new AbortController();
    const { signal } = this.#following;
    const after = [...this.#joined.values()].map(({ seen }) => seen).reduce((least, seen) => (seen < least ? seen : least));
    this.#routedTo = after;
    const pause = new Alarm();
    for await (const page of store.subscribe({ after, types: FACT_TYPES, batchSizeMax: PAGE_SIZE, signal })) {
      const followers = new Map(this.#joined);
      this.#routedTo = page.position;
      await this.#takeIn(page, followers, () => this.#joined);
      const last = page.facts.at(-1);
      metrics.lagMs.set(page.atEnd || last === undefined ? 0 : Math.max(0, clock.now() - last.recordedAt));
      if (page.atEnd && isBusy() && !signal.aborted) await pause.wait(PAGE_PAUSE_MS);
    }
  }

  /** Handed out in one go, so that whoever joins does so between two pages. Seen is what is also done with, by those who are still there. */
  async #takeIn(page: LogPage, followers: Followers, present: () => Followers = () => followers): Promise<void> {
    const strays: StoredFact[] = [];
    for (const fact of page.facts) {
      if (fact.type === 'TaskCancellationRequested') {
        if (!wakeKnown(fact, followers)) strays.push(fact);
        continue;
      }
      const partition = followers.get(partitionOf(fact.tenant, accountOf(fact)));
      if (partition !== undefined && fact.position > partition.seen) partition.takeIn(fact);
    }
    if (strays.length > 0) await this.#wakeStrays(strays, followers);
    for (const [index, partition] of followers) if (present().get(index) === partition) partition.saw(page.position);
  }

  /** A cancellation names no account: the task's first fact does. */
  async #wakeStrays(facts: readonly StoredFact[], followers: Followers): Promise<void> {
    const first = await this.parts.store.readStreams([...new Set(facts.map(({ stream }) => stream))], { limitPerStream: 1 });
    for (const fact of facts) {
      const submitted = first.get(fact.stream)?.[0];
      const partition = submitted === undefined ? undefined : followers.get(partitionOf(fact.tenant, accountOf(submitted)));
      if (partition !== undefined && fact.position > partition.seen) await partition.reactions.wake(fact);
    }
  }

  /** Asked anew each time: it changes behind the compiler's back. */
  #isAborted(signal: AbortSignal): boolean {
    return signal.aborted;
  }
}

function wakeKnown(fact: StoredFact, followers: Followers): boolean {
  const { id } = parseStream(fact.stream);
  for (const partition of followers.values()) {
    if (!partition.reactions.has(id)) continue;
    void partition.reactions.wake(fact);
    return true;
  }
  return false;
}

/** A submission names its account; every other fact that is followed stands on the account's own stream. */
function accountOf(fact: StoredFact): string {
  return fact.type === 'TaskSubmitted' ? (fact.data['accountId'] as string) : fact.stream.slice(fact.stream.indexOf('.') + 1);
}
