// query · one client's text/event-stream: history first, then what comes, each fact once and in order, closed when the task is settled.
import type { ServerResponse } from 'node:http';
import type { StoredFact } from '#libs/event-store';
import { isEnding, taskEvent } from './task-facts.js';

const PING_MS = 15_000;
/** What a client may leave unread before it is let go; it resumes with Last-Event-ID. */
const UNREAD_BYTES_MAX = 1_048_576;

export class EventStream {
  #position: string;
  #isOver = false;
  #isSettled = false;
  /** Facts that came while the history was being read; null once it was. */
  #early: StoredFact[] | null = [];
  #ping: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #onClose: Array<() => void> = [];

  constructor(
    private readonly response: ServerResponse,
    after: string,
    /** Told the position of the ledger's fact that ended the reservation; calls {@link settled} once that can be read. */
    private readonly onLedgerFact: (position: string) => void,
  ) {
    this.#position = after;
    this.#ping = setInterval(() => this.#write(': ping\n\n'), PING_MS);
    this.#ping.unref();
    response.once('close', () => this.close());
    // A client that left while its history was being looked up is not told of again.
    if (response.destroyed) this.close();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClose.push(listener);
  }

  /** From the tail: the task's own facts, and the ledger's that say that its credits are settled. */
  heard(fact: StoredFact): void {
    if (this.#early !== null) this.#early.push(fact);
    else this.#take(fact);
  }

  /** Called with every page of the history, then {@link live} once. */
  history(facts: readonly StoredFact[]): void {
    for (const fact of facts) this.#take(fact);
  }

  live(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const fact of early) this.#take(fact);
  }

  /** The ledger has been seen to agree with the task's ending. */
  settled(): void {
    this.#isSettled = true;
    this.#closeIfDone();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ping);
    if (!this.response.writableEnded) this.response.end();
    for (const listener of this.#onClose) listener();
  }

  #take(fact: StoredFact): void {
    if (this.#closed) return;
    if (!fact.stream.startsWith('task-')) {
      if (fact.type === 'CreditsConsumed' || fact.type === 'CreditsRefunded') this.onLedgerFact(fact.position);
      return;
    }
    if (isEnding(fact)) this.#isOver = true;
    // A refused submission held nothing.
    if (fact.type === 'TaskRejected') this.#isSettled = true;
    if (fact.position > this.#position) {
      this.#position = fact.position;
      this.#write(`event: ${fact.type}\nid: ${fact.position}\ndata: ${JSON.stringify(taskEvent(fact))}\n\n`);
    }
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#isOver && this.#isSettled && this.#early === null) this.close();
  }

  #write(text: string): void {
    if (this.#closed) return;
    this.response.write(text);
    if (this.response.writableLength > UNREAD_BYTES_MAX) {
      this.response.destroy();
      this.close();
    }
  }
}
