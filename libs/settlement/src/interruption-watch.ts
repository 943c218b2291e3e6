// 5 react · follows the log for holds whose task does not appear in time, and has them healed; run by the orchestrator's process that owns the lease.
import { setTimeout as pause } from 'node:timers/promises';
import { tenantStream, type EventStore, type LogPage, type Position, type StoredFact } from '#libs/event-store';
import type { AccountFact } from '#libs/ledger';

export interface WatchParts {
  store: Pick<EventStore, 'subscribe'>;
  heal: (reserved: StoredFact) => Promise<void>;
  /** Never moves back. */
  save: (position: Position) => Promise<void>;
  /** A hold could not be healed; it is tried again. */
  onError: (error: unknown) => void;
  /** How long a submission may take between its hold and its task: far longer than any that is still alive. */
  graceMs: number;
  lookEveryMs?: number;
}

interface Waiting {
  reserved: StoredFact;
  /** Of its tasks, those that have not been opened. */
  missing: Set<string>;
  seenAtMs: number;
  /** Everything up to here had been seen before it. */
  before: Position;
}

const LOOK_EVERY_MS = 500;
/** What opens a task, and what a hold of a late result ends in. */
const OPENING = ['TaskSubmitted', 'TaskRejected', 'LateResultAccepted'];
export const WATCHED_TYPES = ['CreditsReserved', ...OPENING] as const;

/**
 * The checkpoint stands before the oldest hold that waits, so a new owner sees it again: nothing else has to be remembered. Two watches at
 * once only look twice.
 */
export class InterruptionWatch {
  /** In log order. */
  private readonly waiting = new Map<string, Waiting>();
  private readonly holdOf = new Map<string, string>();
  private reached: Position;
  private saved: Position;

  constructor(
    private readonly parts: WatchParts,
    after: Position,
  ) {
    this.reached = after;
    this.saved = after;
  }

  /** Until aborted; throws when the log or the database is lost for long. */
  async run(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    const end = (error: unknown): never => {
      ended.abort();
      throw error;
    };
    await Promise.all([this.follow(both).catch(end), this.keepLooking(both).catch(end)]);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    for await (const page of this.parts.store.subscribe({ after: this.reached, types: WATCHED_TYPES, signal })) this.see(page);
  }

  see({ facts, position }: LogPage): void {
    for (const fact of facts) {
      if (fact.type === 'CreditsReserved') this.expect(fact);
      else this.opened(fact.stream);
      this.reached = fact.position;
    }
    this.reached = position;
  }

  private expect(reserved: StoredFact): void {
    const { reservations } = reserved.data as unknown as Extract<AccountFact, { type: 'CreditsReserved' }>['data'];
    const missing = new Set(reservations.map(({ taskId }) => tenantStream('task', reserved.tenant, taskId)));
    this.waiting.set(reserved.id, { reserved, missing, seenAtMs: performance.now(), before: this.reached });
    for (const stream of missing) this.holdOf.set(stream, reserved.id);
  }

  private opened(stream: string): void {
    const id = this.holdOf.get(stream);
    const waiting = id === undefined ? undefined : this.waiting.get(id);
    if (id === undefined || waiting === undefined) return;
    this.holdOf.delete(stream);
    waiting.missing.delete(stream);
    if (waiting.missing.size === 0) this.waiting.delete(id);
  }

  private async keepLooking(signal: AbortSignal): Promise<void> {
    const everyMs = this.parts.lookEveryMs ?? LOOK_EVERY_MS;
    for (;;) {
      await pause(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.look();
    }
  }

  /** Heals what has waited too long, and notes how far everything is done. */
  async look(): Promise<void> {
    const since = performance.now() - this.parts.graceMs;
    for (const [id, waiting] of [...this.waiting]) {
      if (waiting.seenAtMs > since) break;
      try {
        await this.parts.heal(waiting.reserved);
      } catch (error) {
        this.parts.onError(error);
        continue;
      }
      this.waiting.delete(id);
      for (const stream of waiting.missing) this.holdOf.delete(stream);
    }
    const [oldest] = this.waiting.values();
    const done = oldest?.before ?? this.reached;
    if (done <= this.saved) return;
    await this.parts.save(done);
    this.saved = done;
  }
}
