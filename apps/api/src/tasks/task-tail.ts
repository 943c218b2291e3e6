// query · one tail of the log for all who watch tasks: starts with the first watcher, ends with the last, resumes where the store was lost.
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import type { EventStore, Position, StoredFact } from '#libs/event-store';
import { EVENT_STORE, LOGGER } from '#libs/platform';

const RECONNECT_MS = 500;

/** Facts of the task itself, and the ledger's facts that name it. */
export type TaskListener = (fact: StoredFact) => void;

@Injectable()
export class TaskTail implements OnModuleDestroy {
  readonly #listeners = new Map<string, Set<TaskListener>>();
  #running: { abort: AbortController; started: Promise<void>; ended: Promise<void> } | null = null;

  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Once the promise is kept, no later fact of the task is missed: read its history after that. */
  async watch(tenant: string, taskId: string, listener: TaskListener): Promise<() => void> {
    const name = `${tenant}.${taskId}`;
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) this.#listeners.set(name, (listeners = new Set()));
    listeners.add(listener);
    const leave = (): void => {
      const present = this.#listeners.get(name);
      present?.delete(listener);
      if (present?.size === 0) this.#listeners.delete(name);
      if (this.#listeners.size === 0) this.#stop();
    };
    this.#running ??= this.#start();
    try {
      await this.#running.started;
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  #start(): { abort: AbortController; started: Promise<void>; ended: Promise<void> } {
    const abort = new AbortController();
    const head = this.store.head();
    const ended = head.then(
      (position) => this.#follow(position, abort.signal),
      () => {
        // The first watcher is told; the next one starts anew.
        if (this.#running?.abort === abort) this.#running = null;
      },
    );
    return { abort, started: head.then(() => undefined), ended };
  }

  #stop(): void {
    this.#running?.abort.abort();
    this.#running = null;
  }

  async #follow(from: Position, signal: AbortSignal): Promise<void> {
    let after = from;
    while (!signal.aborted) {
      try {
        for await (const page of this.store.subscribe({ after, streamPrefixes: ['task-', 'account-'], signal })) {
          for (const fact of page.facts) this.#tell(fact);
          after = page.position;
        }
      } catch (error) {
        this.logger.warn({ err: error }, 'the tail of the log was lost; it is taken up again');
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      }
    }
  }

  #tell(fact: StoredFact): void {
    const taskId = fact.stream.startsWith('task-') ? fact.stream.slice(fact.stream.indexOf('.') + 1) : fact.data['taskId'];
    if (typeof taskId !== 'string') return;
    for (const listener of this.#listeners.get(`${fact.tenant}.${taskId}`) ?? []) listener(fact);
  }

  async onModuleDestroy(): Promise<void> {
    const running = this.#running;
    this.#stop();
    await running?.ended;
  }
}
