// 5 react · one partition while this process owns it: everything held in memory for it belongs to that time, and goes with it.
import type { InstantMs } from '#libs/kernel';
import type { Position, StoredFact } from '#libs/event-store';
import type { AccountFact } from '#libs/ledger';
import type { HeldShare } from '#libs/platform';
import type { PartitionWrite } from '#libs/reactions';
import { dueOf } from './account-facts.js';
import { PendingRows } from './pending-rows.js';
import type { TaskReactions } from './task-reactions.js';

export interface PartitionParts {
  held: HeldShare;
  /** Of its checkpoint when it was taken. */
  position: Position;
  reactionsOf: (partition: OwnedPartition) => TaskReactions;
  lowerAccount: (partition: OwnedPartition, tenant: string, accountId: string, dueAt: InstantMs) => void;
}

export class OwnedPartition {
  readonly index: number;
  readonly pending = new PendingRows();
  readonly reactions: TaskReactions;
  /** Accounts that are being booked. */
  bookings = 0;
  /** Every fact up to here is in the pending rows, or needs none. */
  #seen: Position;
  #written: Position;
  readonly #over = new AbortController();
  #isLeaving = false;
  #isReady = false;

  constructor(private readonly parts: PartitionParts) {
    this.index = parts.held.share;
    this.#seen = parts.position;
    this.#written = parts.position;
    this.reactions = parts.reactionsOf(this);
  }

  /** Asked before every act: a process that was paused may not act on what it remembers. */
  readonly mayAct = (): boolean => !this.#over.signal.aborted && this.parts.held.held();

  /** Nothing new begins before the jobs that its last owner left are known, and once it is on its way to another process. */
  get isOpen(): boolean {
    return this.#isReady && !this.#isLeaving && this.mayAct();
  }

  open(): void {
    this.#isReady = true;
  }

  get isBusy(): boolean {
    return this.reactions.acting > 0 || this.bookings > 0;
  }

  get token(): string {
    return this.parts.held.token;
  }

  get seen(): Position {
    return this.#seen;
  }

  // ── The log ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A submission, or a fact after which the account may be due earlier. */
  takeIn(fact: StoredFact): void {
    if (fact.type === 'TaskSubmitted') return this.reactions.submitted(fact);
    const dueAt = dueOf({ type: fact.type, data: fact.data } as unknown as AccountFact);
    if (dueAt !== null) this.parts.lowerAccount(this, fact.tenant, fact.stream.slice(fact.stream.indexOf('.') + 1), dueAt);
  }

  saw(position: Position): void {
    if (position > this.#seen) this.#seen = position;
  }

  // ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What is to be written now; null for nothing. Until it is answered by {@link written} or {@link notWritten}, nothing else is asked for. */
  takeWrite(): PartitionWrite | null {
    if (!this.mayAct()) return null;
    if (this.#seen === this.#written && this.pending.size === 0) return null;
    return { partition: this.index, token: this.token, from: this.#written, to: this.#seen, changes: this.pending.take() };
  }

  written(to: Position): void {
    this.pending.written();
    this.#written = to;
  }

  notWritten(): void {
    this.pending.failed();
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** No new act begins; what is under way is finished. */
  leave(): void {
    this.#isLeaving = true;
    this.reactions.close();
  }

  /** Aborted by {@link end}. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Nothing of it is acted on or written any more. */
  end(): void {
    this.#over.abort();
    this.leave();
    this.reactions.drop();
  }
}
