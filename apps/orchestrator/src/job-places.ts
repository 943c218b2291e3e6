// 5 react · the places at one provider that bounds its jobs: gets this process's tasks in line with those of all others, and starts the ones that were given a place.
import type { PartitionHold, PlacedTask, ProviderJobs, WantedPlace } from '#libs/reactions';
import { Alarm } from './alarm.js';

export interface JobWaiter extends PlacedTask {
  /** By accountKey; one account's tasks all wait in one process. */
  readonly account: string;
  readonly weight: number;
}

export interface JobPlaceParts<Waiter extends JobWaiter> {
  provider: string;
  jobsMax: number;
  jobs: Pick<ProviderJobs, 'round' | 'given'>;
  /** Null where the partition is not this process's any more. */
  holdOf: (partition: number) => PartitionHold | null;
  /** It has its place, until {@link JobPlaces.leave}. */
  onGiven: (waiter: Waiter) => void;
  onTrouble: (error: Error) => void;
}

interface Line<Waiter> {
  account: string;
  weight: number;
  waiting: Waiter[];
  from: number;
  /** In line at the provider. */
  published: Set<string>;
  /** The account's next turn, as far as is known. */
  turn: number;
}

interface Published<Waiter> {
  waiter: Waiter;
  line: Line<Waiter>;
  turn: number;
}

/** Of one account, in line at a time: enough that places do not stay empty between two rounds. */
const PUBLISHED_PER_ACCOUNT_MAX = 32;
/** A place can only have been given to the first in line. */
const AWAITED_MAX = 512;
/** While others may give a place that they left. */
const LOOK_EVERY_MS = 20;
/** In case that others left places and were killed before they gave them. */
const ROUND_EVERY_MS = 500;
const RETRY_MS = 500;

export class JobPlaces<Waiter extends JobWaiter> {
  readonly #lines = new Map<string, Line<Waiter>>();
  /** Lines that have somebody to publish and room for it. */
  readonly #ready = new Set<Line<Waiter>>();
  readonly #published = new Map<string, Published<Waiter>>();
  #inOrder: string[] | null = null;
  #wanted: WantedPlace[] = [];
  #left: PlacedTask[] = [];
  #running: PlacedTask[] = [];
  #waiting = 0;
  #since = 0;
  /** A round's answer was lost: any of those in line may have been given a place by it. */
  #isInDoubt = false;
  #working: Promise<void> | null = null;
  #isStopped = false;
  readonly #alarm = new Alarm();

  constructor(private readonly parts: JobPlaceParts<Waiter>) {}

  get waiting(): number {
    return this.#waiting + this.#published.size;
  }

  enter(waiter: Waiter): void {
    let line = this.#lines.get(waiter.account);
    if (line === undefined) {
      line = { account: waiter.account, weight: waiter.weight, waiting: [], from: 0, published: new Set(), turn: 0 };
      this.#lines.set(waiter.account, line);
    }
    line.weight = waiter.weight;
    line.waiting.push(waiter);
    this.#waiting += 1;
    this.#makeReady(line);
    this.#work();
  }

  /** The job has its verdict, or was never submitted. */
  leave(task: PlacedTask): void {
    this.#left.push(task);
    this.#work();
  }

  /** The job of an owner that is gone: it runs, and counts. */
  adopt(task: PlacedTask): void {
    this.#running.push(task);
    this.#work();
  }

  /** The account's tasks are another process's now. */
  drop(account: string): void {
    const line = this.#lines.get(account);
    if (line === undefined) return;
    this.#waiting -= line.waiting.length - line.from;
    for (const taskId of line.published) this.#published.delete(taskId);
    this.#lines.delete(account);
    this.#ready.delete(line);
    this.#inOrder = null;
  }

  /** What was left is still told. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#alarm.ring();
    await this.#working;
  }

  #makeReady(line: Line<Waiter>): void {
    if (line.from < line.waiting.length && line.published.size < PUBLISHED_PER_ACCOUNT_MAX) this.#ready.add(line);
  }

  #hasNews(): boolean {
    return this.#left.length > 0 || this.#running.length > 0 || this.#wanted.length > 0 || this.#ready.size > 0;
  }

  #work(): void {
    if (this.#working !== null) return this.#alarm.ring();
    this.#working = this.#rounds().finally(() => {
      this.#working = null;
      // Asked for in the very moment in which the rounds ended.
      if (this.#hasNews() && !this.#isStopped) this.#work();
    });
  }

  /** One at a time, for as long as there is anything to ask or to wait for. */
  async #rounds(): Promise<void> {
    let roundAtMs = -Infinity;
    // What comes in the same moment goes in the same round.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#hasNews() || (this.#published.size > 0 && !this.#isStopped)) {
      try {
        if (this.#hasNews() || performance.now() - roundAtMs > ROUND_EVERY_MS) {
          roundAtMs = performance.now();
          await this.#round();
        } else {
          await this.#alarm.wait(LOOK_EVERY_MS);
          if (!this.#hasNews() && this.#published.size > 0) this.#start(await this.parts.jobs.given(this.#first()));
        }
      } catch (error) {
        this.#isInDoubt = true;
        this.parts.onTrouble(error as Error);
        // Whatever is not told now is told by whoever takes the partitions over: it looks at every job that has a place.
        if (this.#isStopped) return;
        await new Alarm().wait(RETRY_MS);
      }
    }
  }

  async #round(): Promise<void> {
    const { provider, jobsMax, jobs, holdOf } = this.parts;
    for (const line of this.#ready) this.#publish(line);
    this.#ready.clear();
    // Copies: more is added to them while the database is asked.
    const [left, running, wanted] = [[...this.#left], [...this.#running], [...this.#wanted]];
    const partitions = new Set([...left, ...running, ...wanted].map(({ partition }) => partition));
    const holds = [...partitions].map(holdOf).filter((hold) => hold !== null);
    const { since, given } = await jobs.round({
      provider,
      jobsMax,
      holds,
      left,
      running,
      wanted,
      awaited: this.#isInDoubt ? [...this.#published.keys()] : this.#first(),
    });
    this.#left = this.#left.slice(left.length);
    this.#running = this.#running.slice(running.length);
    this.#wanted = this.#wanted.slice(wanted.length);
    this.#since = since;
    this.#isInDoubt = false;
    for (const { taskId, after, step } of wanted) {
      const published = this.#published.get(taskId);
      if (published === undefined) continue;
      const { line } = published;
      published.turn = Math.max(since, after) + step;
      line.turn = Math.max(line.turn, published.turn + 1 / line.weight);
    }
    if (wanted.length > 0) this.#inOrder = null;
    this.#start(given);
  }

  #publish(line: Line<Waiter>): void {
    for (let step = 0; line.from < line.waiting.length && line.published.size < PUBLISHED_PER_ACCOUNT_MAX; step += 1 / line.weight) {
      const waiter = line.waiting[line.from]!;
      line.from += 1;
      this.#waiting -= 1;
      const { taskId, tenant, partition } = waiter;
      this.#wanted.push({ taskId, tenant, partition, after: line.turn, step });
      line.published.add(taskId);
      this.#published.set(taskId, { waiter, line, turn: Math.max(this.#since, line.turn) + step });
    }
    if (line.from > 1_024 || line.from === line.waiting.length) line.waiting.splice(0, line.from);
    if (line.waiting.length === 0 || line.from > 1_024) line.from = 0;
    this.#inOrder = null;
  }

  /** The first in line: none behind them can have been given a place before them. */
  #first(): string[] {
    const max = Math.min(AWAITED_MAX, this.parts.jobsMax);
    this.#inOrder ??= [...this.#published]
      .sort(([idA, a], [idB, b]) => a.turn - b.turn || (idA < idB ? -1 : 1))
      .slice(0, max)
      .map(([taskId]) => taskId);
    return this.#inOrder;
  }

  #start(given: readonly string[]): void {
    for (const taskId of given) {
      const published = this.#published.get(taskId);
      if (published === undefined) continue;
      const { waiter, line } = published;
      this.#published.delete(taskId);
      line.published.delete(taskId);
      this.#makeReady(line);
      this.#forgetIdle(line);
      this.parts.onGiven(waiter);
    }
    if (given.length > 0) this.#inOrder = null;
  }

  /** Its turn is remembered while it is ahead of virtual time: going and coming again gives no advantage. */
  #forgetIdle(line: Line<Waiter>): void {
    if (line.published.size > 0 || line.from < line.waiting.length) return;
    if (this.#lines.size < 1_024 && line.turn > this.#since) return;
    if (this.#lines.get(line.account) === line) this.#lines.delete(line.account);
  }
}
