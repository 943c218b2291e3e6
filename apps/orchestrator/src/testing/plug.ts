// A process's connection to the world, which a test can pull: at once, or right after a named thing has happened there.
import type pg from 'pg';
import type { Sessions } from '#libs/event-store';
import type { Provider } from '#libs/providers';
import type { Settlements } from '#libs/settlement';
import type { TaskState } from '#libs/tasks';

/** A fact's type: after it is durable. A provider's call: after the vendor has answered. `settle`: after the account has. */
export type KillPoint = string;

export class Plug {
  #isPulled = false;
  readonly #pulled: Promise<void>;
  #tell: () => void = () => undefined;
  /** While it is paused, nothing that it asks for begins and no answer reaches it. */
  #pause: Promise<void> | null = null;
  #resume: () => void = () => undefined;
  #pauseAt: KillPoint | null;
  /** Asked for, and without an answer yet. */
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(
    private readonly killAt: KillPoint | null,
    pauseAt: KillPoint | null = null,
  ) {
    this.#pauseAt = pauseAt;
    this.#pulled = new Promise((resolve) => (this.#tell = resolve));
  }

  get isPulled(): boolean {
    return this.#isPulled;
  }

  /** Resolved once it was pulled. */
  get pulled(): Promise<void> {
    return this.#pulled;
  }

  get isPaused(): boolean {
    return this.#pause !== null;
  }

  /** As SIGSTOP does. */
  pause(): void {
    this.#pauseAt = null;
    this.#pause = new Promise((resolve) => (this.#resume = resolve));
  }

  /** As SIGCONT does: what was asked for goes out now, what was answered is heard. */
  resume(): void {
    this.#resume();
    this.#pause = null;
  }

  pull(): void {
    this.#isPulled = true;
    this.#tell();
  }

  /** Resolved once whatever was asked for before has happened, or never will. */
  async quiet(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  sessions(inner: Sessions<TaskState>): Sessions<TaskState> {
    const sessions: Sessions<TaskState> = {
      execute: (stream, meta, decide) => {
        let types: string[] = [];
        return this.#through(
          () =>
            inner.execute(stream, meta, (state, at, revision) => {
              const decision = decide(state, at, revision);
              types = 'facts' in decision ? decision.facts.map((fact) => fact.type) : [];
              return decision;
            }),
          () => types,
        );
      },
      read: (stream, read) => this.#through(() => inner.read(stream, read)),
      stateAt: (stream, until) => this.#through(() => inner.stateAt(stream, until)),
      prime: (stream, facts) => inner.prime(stream, facts),
      release: (stream) => inner.release(stream),
    };
    return sessions;
  }

  provider(inner: Provider): Provider {
    return {
      id: inner.id,
      capabilities: inner.capabilities,
      submit: (job) =>
        this.#through(
          () => inner.submit(job),
          () => ['submit'],
        ),
      report: (id) =>
        this.#through(
          () => inner.report(id),
          () => ['report'],
        ),
      lookup: (id) =>
        this.#through(
          () => inner.lookup(id),
          () => ['lookup'],
        ),
      cancel: (id) =>
        this.#through(
          () => inner.cancel(id),
          () => ['cancel'],
        ),
      onHint: (listener) => inner.onHint((id) => (this.#isPulled ? undefined : listener(id))),
      validate: (parameters) => inner.validate(parameters),
    };
  }

  settlements(inner: Settlements): Settlements {
    return new Proxy(inner, {
      get: (target, name, self) => {
        if (name === 'settle')
          return (...all: Parameters<Settlements['settle']>) =>
            this.#through(
              () => target.settle(...all),
              () => ['settle'],
            );
        if (name === 'settleFromLog')
          return (...all: Parameters<Settlements['settleFromLog']>) =>
            this.#through(
              () => target.settleFromLog(...all),
              () => ['settle'],
            );
        return Reflect.get(target, name, self) as unknown;
      },
    });
  }

  pool(inner: pg.Pool): pg.Pool {
    return new Proxy(inner, {
      get: (target, name) => {
        if (name === 'connect') return () => this.#connect(target);
        if (name === 'query') return (...all: [string, unknown[]]) => this.#through(() => target.query(...all));
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
      },
    });
  }

  async #connect(pool: pg.Pool): Promise<pg.PoolClient> {
    await this.#pause;
    if (this.#isPulled) throw new Error('this process was killed');
    const client = await pool.connect();
    if (!this.isPulled) return client;
    client.release();
    throw new Error('this process was killed');
  }

  async #through<Answer>(call: () => Promise<Answer>, happened: () => string[] = () => []): Promise<Answer> {
    await this.#pause;
    if (this.#isPulled) throw new Error('this process was killed');
    const asked = call();
    this.#underWay.add(asked);
    const answer = await asked.finally(() => this.#underWay.delete(asked));
    if (this.#pauseAt !== null && happened().includes(this.#pauseAt)) this.pause();
    await this.#pause;
    if (this.killAt !== null && happened().includes(this.killAt)) this.pull();
    // A dead process learns nothing, whatever happened.
    if (this.isPulled) throw new Error('this process was killed');
    return answer;
  }
}
