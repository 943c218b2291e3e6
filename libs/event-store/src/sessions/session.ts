// 3 append · one stream's mailbox and cached state: decides when a command is decided, retried, verified and answered.
import { invariant, type Clock, type Decider, type Fact, type InstantMs, type Refusal } from '#libs/kernel';
import {
  EventStoreUnavailable,
  type AppendConflict,
  type Appended,
  type CommandMeta,
  type EventStore,
  type Position,
  type StoredFact,
} from '../event-store.port.js';
import type { SessionDecision, SessionOutcome } from '../sessions.port.js';
import { SessionsOverloaded } from '../sessions.port.js';
import type { Loaded, Loader } from './loader.js';

export interface PendingCommand {
  /** Null for a read, which always decides `unchanged`. */
  meta: CommandMeta | null;
  decide: (state: never, at: InstantMs, revision: number) => SessionDecision<unknown>;
  resolve: (outcome: SessionOutcome<unknown>) => void;
  reject: (error: unknown) => void;
  attempts: number;
}

/** What all sessions of a category share. */
export interface SessionContext<State, F extends Fact<string, object>> {
  store: EventStore;
  decider: Decider<State, F>;
  clock: Clock;
  loader: Loader<State, F>;
  /** The stream's last revision, asked once per turn for all sessions. */
  headOf: (stream: string) => Promise<number>;
  mailboxMax: number;
  attemptsMax: number;
  onConflict: () => void;
  /** The session holds no state worth keeping. */
  onLost: (session: Session<State, F>) => void;
}

/**
 * Decisions run ahead of what is durable: each is made on the state that the ones before it lead to, and the store refuses whatever waits
 * behind a refused append, so nothing lands on facts that never came to be. Two things wait until nothing is on its way: a refusal
 * (or an `unchanged`), which is decided again on the stream's verified head, and a reload after a failed append.
 */
export class Session<State, F extends Fact<string, object>> {
  private phase: 'loading' | 'ready' | 'verifying' = 'loading';
  private loaded: Loaded<State> | null = null;
  private mailbox: PendingCommand[] = [];
  /** Refused on a state that may be stale: no further command is decided until they are judged. */
  private doubted: PendingCommand[] = [];
  /** Decided on facts that were refused; they come first after the reload. */
  private failed: PendingCommand[] = [];
  /** Appends whose outcome is not known. */
  private outstanding = 0;
  private isSpoilt = false;

  constructor(
    readonly stream: string,
    private readonly context: SessionContext<State, F>,
    primed: Loaded<State> | null,
  ) {
    if (primed === null) {
      // The constructor's caller hands over its first command in the same turn: the load covers it.
      void this.load();
    } else {
      this.loaded = primed;
      this.phase = 'ready';
    }
  }

  get isIdle(): boolean {
    return this.phase === 'ready' && this.outstanding === 0 && this.mailbox.length === 0 && this.doubted.length === 0;
  }

  get revision(): number | null {
    return this.loaded?.revision ?? null;
  }

  push(command: PendingCommand): void {
    if (this.mailbox.length + this.doubted.length + this.outstanding >= this.context.mailboxMax) {
      command.reject(new SessionsOverloaded(`${this.context.mailboxMax} commands wait for ${this.stream}`));
      return;
    }
    this.mailbox.push(command);
    this.pump();
  }

  /** Folds facts that follow on what is known; false where they do not. */
  extend(facts: readonly StoredFact[]): boolean {
    const { loaded } = this;
    if (loaded === null || !this.isIdle) return false;
    for (const fact of facts) if (fact.revision === loaded.revision + 1) this.context.loader.fold(this.stream, loaded, fact);
    return true;
  }

  /** Decides what waits, unless a load, a verification or a spoilt state comes first. */
  private pump(): void {
    if (this.phase !== 'ready' || this.isSpoilt) return;
    if (this.doubted.length === 0) {
      const commands = this.mailbox;
      this.mailbox = [];
      for (const command of commands) {
        if (this.mustReload()) this.mailbox.push(command);
        else this.decide(command, false);
      }
    }
    if (this.doubted.length > 0 && this.outstanding === 0) void this.verify();
  }

  /** `verified`: the state was read from the stream's head after the command had arrived. */
  private decide(command: PendingCommand, verified: boolean): void {
    const loaded = this.loaded as Loaded<State>;
    const at = Math.max(this.context.clock.now(), loaded.recordedAt ?? 0);
    let decision: SessionDecision<unknown>;
    try {
      decision = command.decide(loaded.state as never, at, loaded.revision);
    } catch (error) {
      command.reject(error);
      return;
    }
    if ('facts' in decision) {
      this.append(command, decision, loaded);
    } else if (!verified || this.outstanding > 0) {
      this.doubted.push(command);
    } else {
      command.resolve(settledWithout(decision, loaded.revision));
    }
  }

  private append(command: PendingCommand, decision: Extract<SessionDecision<unknown>, { facts: unknown }>, loaded: Loaded<State>): void {
    const { decider, loader, store } = this.context;
    const { facts } = decision;
    const expectedRevision = loaded.revision;
    let result: unknown;
    let snapshotState: string | null;
    try {
      for (const fact of facts) loaded.state = decider.evolve(loaded.state, fact as unknown as F);
      loaded.revision += facts.length;
      result = decision.result({ revision: loaded.revision });
      snapshotState = loader.dueSnapshot(loaded);
    } catch (error) {
      // Half folded: nothing was sent, but the state can no longer be trusted.
      command.reject(error);
      this.spoil();
      return;
    }
    const { revision } = loaded;
    const own = { stream: this.stream, expectedRevision, facts };
    this.outstanding += 1;
    store.submit(
      { meta: command.meta as CommandMeta, appends: decision.companions === undefined ? [own] : [own, ...decision.companions] },
      (outcome) => {
        this.outstanding -= 1;
        if (outcome instanceof Error || !outcome.ok) {
          this.refused(command, outcome);
          return;
        }
        const { firstPosition, position, recordedAt, repeated } = outcome;
        this.confirmed(outcome, snapshotState, revision);
        command.resolve({ kind: 'appended', result, revision, firstPosition, position, recordedAt, repeated });
        this.resume();
      },
    );
  }

  private confirmed(outcome: Appended, snapshotState: string | null, revision: number): void {
    const loaded = this.loaded as Loaded<State>;
    const position = outcome.positions[0] as Position;
    loaded.recordedAt = Math.max(loaded.recordedAt ?? 0, outcome.recordedAt);
    // Where a command's other streams come after its own, answers may come out of order.
    if (loaded.position === null || position > loaded.position) loaded.position = position;
    if (snapshotState === null) return;
    const { loader } = this.context;
    loader.save({
      stream: this.stream,
      version: loader.codecVersion,
      revision,
      position,
      recordedAt: outcome.recordedAt,
      state: snapshotState,
    });
  }

  private refused(command: PendingCommand, outcome: AppendConflict | EventStoreUnavailable): void {
    if (outcome instanceof Error) {
      command.reject(outcome);
    } else if (outcome.conflict === 'key') {
      command.resolve({ kind: 'key_conflict' });
    } else if (outcome.stream !== this.stream) {
      command.resolve({ kind: 'companion_conflict' });
    } else {
      this.context.onConflict();
      command.attempts += 1;
      if (command.attempts < this.context.attemptsMax) this.failed.push(command);
      else command.reject(new EventStoreUnavailable(`${this.stream} changed under ${command.attempts} attempts`));
    }
    this.spoil();
  }

  /** A method, because each decision may change the answer. */
  private mustReload(): boolean {
    return this.isSpoilt;
  }

  private spoil(): void {
    this.isSpoilt = true;
    this.resume();
  }

  /** After each outcome: once nothing is on its way, a spoilt state is reloaded, and doubts are settled. */
  private resume(): void {
    if (this.outstanding > 0 || this.phase !== 'ready') return;
    if (this.isSpoilt) void this.load();
    else this.pump();
  }

  private async load(): Promise<void> {
    this.phase = 'loading';
    this.loaded = null;
    const covered = this.takeWaiting();
    try {
      // One turn, so that the commands which arrive together with the first one are covered too.
      await Promise.resolve();
      covered.push(...this.takeWaiting());
      this.loaded = await this.context.loader.load(this.stream);
    } catch (error) {
      this.lose(covered, error);
      return;
    }
    this.isSpoilt = false;
    this.judge(covered);
  }

  private async verify(): Promise<void> {
    this.phase = 'verifying';
    const covered = this.takeWaiting();
    const loaded = this.loaded as Loaded<State>;
    try {
      const head = await this.context.headOf(this.stream);
      invariant(
        head >= loaded.revision,
        () => `${this.stream} ends at ${head}, before revision ${loaded.revision} that was answered as durable`,
      );
      if (head > loaded.revision) await this.context.loader.extend(this.stream, loaded);
    } catch (error) {
      this.lose(covered, error);
      return;
    }
    this.judge(covered);
  }

  /** The state is the stream's head as of a moment after these commands had arrived. */
  private judge(covered: PendingCommand[]): void {
    this.phase = 'ready';
    for (const command of covered) {
      if (this.isSpoilt) this.mailbox.push(command);
      else this.decide(command, true);
    }
    if (this.isSpoilt) this.resume();
    else this.pump();
  }

  private takeWaiting(): PendingCommand[] {
    const waiting = [...this.failed, ...this.doubted, ...this.mailbox];
    this.failed = [];
    this.doubted = [];
    this.mailbox = [];
    return waiting;
  }

  private lose(covered: PendingCommand[], error: unknown): void {
    for (const command of [...covered, ...this.takeWaiting()]) command.reject(error);
    this.context.onLost(this);
  }
}

function settledWithout(decision: Exclude<SessionDecision<unknown>, { facts: unknown }>, revision: number): SessionOutcome<unknown> {
  if ('unchanged' in decision) return { kind: 'unchanged', result: decision.result, revision };
  const refusal: Refusal = decision;
  return { kind: 'refused', refusal, revision };
}
