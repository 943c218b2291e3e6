// 5 react · the loops of one process over all the partitions that it owns: they read the log, keep time, look for rows that are due, and write them.
import type { InstantMs } from '#libs/kernel';
import type { HeldShare } from '#libs/platform';
import { DueRows, ProviderJobs, type ParkedTask, type PartitionHold, type TakenOver } from '#libs/reactions';
import { AccountDues } from './account-dues.js';
import { Alarm } from './alarm.js';
import { CheckpointWriter } from './checkpoint-writer.js';
import { roomIn } from './live-tasks.js';
import { LogReader } from './log-reader.js';
import type { OrchestratorParts } from './orchestrator.parts.js';
import { OwnedPartition } from './owned-partition.js';
import { Places } from './places.js';
import { TaskReactions } from './task-reactions.js';

const EAGER_FOR_MS = 5_000;
const TICK_MS_MAX = 50;
const RESUMED_AT_ONCE_MAX = 500;
const ACTING_MAX = 4_000;
const RETRY_MS = 500;
const DRAIN_POLL_MS = 5;

export class Shift {
  readonly #rows: DueRows;
  readonly #places: Places;
  readonly #writer: CheckpointWriter;
  readonly #dues: AccountDues;
  readonly #reader: LogReader;
  /** All that is held in memory; {@link #open} those of them that take up new work. */
  readonly #owned = new Map<number, OwnedPartition>();
  readonly #tickAlarm = new Alarm();
  readonly #lookAlarm = new Alarm();
  readonly #writeAlarm = new Alarm();
  readonly #ended = new AbortController();
  #stopListening: () => void = () => undefined;
  #loops: Promise<unknown> = Promise.resolve();
  #eagerUntilMs = 0;
  /** Partitions that were taken in one go are taken over in one transaction. */
  #takingOver: { holds: PartitionHold[]; taken: Promise<Map<number, TakenOver>> } | null = null;

  constructor(private readonly parts: OrchestratorParts) {
    const { pool, store, book, providers, jobsMaxOf, clock, logger, metrics, limits } = parts;
    this.#rows = new DueRows(pool);
    this.#places = new Places({
      providers,
      jobsMaxOf,
      jobs: new ProviderJobs(pool),
      holdOf: (index) => {
        const partition = this.#owned.get(index);
        return partition?.mayAct() === true ? { partition: index, token: partition.token } : null;
      },
      onTrouble: (error) => this.#trouble('places', error, 'places at a provider could not be taken or left; it is tried again'),
    });
    this.#writer = new CheckpointWriter(
      this.#rows,
      () => this.#owned.values(),
      (partition) => {
        logger.warn({ partition: partition.index }, 'a partition is another process’s, or not where this one left it: it is given up');
        partition.end();
      },
    );
    this.#dues = new AccountDues({
      rows: this.#rows,
      partitions: () => this.#open(),
      book,
      write: () => this.#writer.write(),
      clock,
      logger,
      metrics,
      accountsAtOnceMax: limits.accountsAtOnceMax,
    });
    this.#reader = new LogReader({
      store,
      clock,
      metrics,
      isBusy: () => [...this.#owned.values()].some(({ reactions }) => reactions.acting > 0),
      onTrouble: (error) => this.#trouble('log', error, 'the log could not be followed; it is tried again'),
    });
  }

  get partitions(): number {
    return this.#open().size;
  }

  get active(): number {
    return this.#places.inMemory;
  }

  get waiting(): number {
    return this.#places.waiting;
  }

  start(): void {
    this.#stopListening = this.#listen();
    this.#loops = Promise.all([
      this.#reader.run(this.#ended.signal),
      this.#loop('clock', () => this.#keepTime()),
      this.#loop('rows', () => this.#look()),
      this.#loop('rows', () => this.#write()),
    ]);
  }

  /** Called when no partition is owned any more. */
  async stop(): Promise<void> {
    this.#stopListening();
    this.#ended.abort();
    for (const alarm of [this.#tickAlarm, this.#lookAlarm, this.#writeAlarm]) alarm.ring();
    await Promise.all([this.#loops, this.#places.stop(), this.#dues.stop()]);
  }

  /** The time between taking a partition and giving it up, or losing it. */
  async own(held: HeldShare, signal: AbortSignal): Promise<void> {
    const taken = (await this.#takeOver({ partition: held.share, token: held.token })).get(held.share);
    // Lost again meanwhile.
    if (taken === undefined) return;
    const partition = new OwnedPartition({
      held,
      position: taken.position,
      reactionsOf: (owned) => this.#reactionsOf(owned),
      lowerAccount: (owned, tenant, accountId, dueAt) => this.#dues.lower(owned, tenant, accountId, dueAt),
    });
    this.#owned.set(partition.index, partition);
    // One whose checkpoint is not where this process left it (the answer to a write was lost) ends by itself, and is taken over anew.
    const ending = AbortSignal.any([signal, partition.over]);
    try {
      if (taken.placed.length > 0) await this.#recall(partition, taken.placed, ending);
      partition.open();
      this.#dues.lookAgain();
      this.#lookAlarm.ring();
      await this.#reader.join(partition, ending);
      await aborted(ending);
    } finally {
      this.#reader.leave(partition);
      await this.#drain(partition).finally(() => {
        // Also where its last write failed: what this process has of it in mind would hold memory and places for good.
        partition.end();
        if (this.#owned.get(partition.index) === partition) this.#owned.delete(partition.index);
      });
    }
  }

  #takeOver(hold: PartitionHold): Promise<Map<number, TakenOver>> {
    let under = this.#takingOver;
    if (under === null) {
      const holds: PartitionHold[] = [];
      const taken = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        this.#takingOver = null;
        return this.#rows.takeOver(holds, this.#places.bounded);
      });
      under = this.#takingOver = { holds, taken };
    }
    under.holds.push(hold);
    return under.taken;
  }

  /** Before anything else is taken up: a place that nobody uses would be waited for. */
  async #recall(partition: OwnedPartition, placed: TakenOver['placed'], signal: AbortSignal): Promise<void> {
    for (let isDone = false; !isDone && !signal.aborted;) {
      try {
        await partition.reactions.recall(placed);
        isDone = true;
      } catch (error) {
        this.#trouble('places', error as Error, 'the jobs of a partition could not be read; it is tried again');
        await new Alarm().wait(RETRY_MS);
      }
    }
  }

  /** Nothing is abandoned in the middle: what was begun is finished and written, unless the lease is gone already. */
  async #drain(partition: OwnedPartition): Promise<void> {
    partition.leave();
    const until = performance.now() + this.parts.limits.drainTimeoutMs;
    const pause = new Alarm();
    while (partition.isBusy && partition.mayAct() && performance.now() < until) await pause.wait(DRAIN_POLL_MS);
    if (partition.mayAct()) await this.#writer.write();
  }

  #reactionsOf(partition: OwnedPartition): TaskReactions {
    const { store, sessions, settlements, calls, providers, weightOf, clock, logger, metrics, policy, limits, random } = this.parts;
    return new TaskReactions({
      store,
      sessions,
      settlements,
      calls,
      providers,
      partition: partition.index,
      places: this.#places,
      weightOf,
      rows: partition.pending,
      lowerAccount: (tenant, accountId, dueAt) => this.#dues.lower(partition, tenant, accountId, dueAt),
      clock,
      logger,
      metrics,
      policy,
      limits,
      random: random ?? Math.random,
      mayAct: partition.mayAct,
    });
  }

  #open(): Map<number, OwnedPartition> {
    return new Map([...this.#owned].filter(([, partition]) => partition.isOpen));
  }

  #listen(): () => void {
    const { providers, clock } = this.parts;
    const moved = (): void => {
      this.#eagerUntilMs = performance.now() + EAGER_FOR_MS;
      this.#tickAlarm.ring();
      this.#lookAlarm.ring();
      this.#writeAlarm.ring();
    };
    const hint = (providerJobId: string): void => {
      for (const { reactions } of this.#owned.values()) if (reactions.hint(providerJobId)) return;
    };
    const listening = [...providers.values()].map((provider) => provider.onHint(hint));
    if (clock.onMoved !== undefined) listening.push(clock.onMoved(moved));
    return () => {
      for (const stop of listening) stop();
    };
  }

  /** One round after the other until the end; one that fails is tried again. */
  async #loop(part: string, round: () => Promise<void>): Promise<void> {
    const pause = new Alarm();
    while (!this.#ended.signal.aborted) {
      try {
        await round();
      } catch (error) {
        this.#trouble(part, error as Error, 'a part of reacting failed; it is tried again');
        await pause.wait(RETRY_MS);
      }
    }
  }

  #trouble(part: string, error: Error, what: string): void {
    this.parts.metrics.troubles.inc({ part });
    this.parts.logger.error({ err: error }, what);
  }

  async #keepTime(): Promise<void> {
    let next: InstantMs = Infinity;
    for (const partition of this.#owned.values()) {
      if (!partition.isOpen) continue;
      partition.reactions.tick();
      next = Math.min(next, partition.reactions.nextDueAt() ?? Infinity);
    }
    this.#dues.tick();
    if (!this.#dues.isRunning) next = Math.min(next, this.#dues.nextAt);
    await this.#tickAlarm.wait(Math.max(5, Math.min(TICK_MS_MAX, next - this.parts.clock.now())));
  }

  /** Takes up parked tasks that are due, as far as there is room. */
  async #look(): Promise<void> {
    const { clock, limits } = this.parts;
    const open = this.#open();
    const limit = Math.min(roomIn(this.#places, limits), RESUMED_AT_ONCE_MAX);
    let found = 0;
    if (open.size > 0 && limit > 0 && this.#acting() < ACTING_MAX) {
      const saturated = [...open.values()].flatMap(({ reactions }) => reactions.saturatedAccounts());
      const rows = await this.#rows.parkedTasks(clock.now(), limit, saturated, [...open.keys()]);
      await this.#resume(rows, open);
      // A row that is still shown as parked was taken up before: until its new row is written there is nothing to hurry for.
      found = rows.length;
    }
    if (found === limit && limit > 0) await this.#writer.write();
    else await this.#lookAlarm.wait(limits.lookEveryMs);
  }

  async #resume(rows: readonly ParkedTask[], open: ReadonlyMap<number, OwnedPartition>): Promise<void> {
    const byPartition = new Map<OwnedPartition, ParkedTask[]>();
    for (const row of rows) {
      const partition = open.get(row.partition);
      if (partition === undefined) continue;
      const list = byPartition.get(partition);
      if (list === undefined) byPartition.set(partition, [row]);
      else list.push(row);
    }
    await Promise.all([...byPartition].map(([partition, list]) => partition.reactions.resume(list)));
  }

  #acting(): number {
    let acting = 0;
    for (const { reactions } of this.#owned.values()) acting += reactions.acting;
    return acting;
  }

  async #write(): Promise<void> {
    const { writeEveryMs, writeEagerlyEveryMs } = this.parts.limits;
    await this.#writeAlarm.wait(performance.now() < this.#eagerUntilMs ? writeEagerlyEveryMs : writeEveryMs);
    if (!this.#ended.signal.aborted) await this.#writer.write();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
