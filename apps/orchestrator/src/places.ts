// 5 react · the places for submissions of this process, for all its partitions together: who waits for which provider, and how much there is in memory.
import type { Provider } from '#libs/providers';
import type { PartitionHold, PlacedTask, ProviderJobs } from '#libs/reactions';
import { FairSlots } from './fair-slots.js';
import { JobPlaces, type JobWaiter } from './job-places.js';

/** A task in line. */
export interface Waiter extends JobWaiter {
  /** Its turn has come: it holds a place until it leaves it. */
  start(): void;
}

export interface PlaceParts {
  providers: ReadonlyMap<string, Provider>;
  /** Jobs that may run at the provider at once, over the whole deployment; null for no bound. */
  jobsMaxOf: (provider: string) => number | null;
  jobs: Pick<ProviderJobs, 'round' | 'given'>;
  holdOf: (partition: number) => PartitionHold | null;
  onTrouble: (error: Error) => void;
}

/** Of a provider that this process does not know: its tasks wait, so one place is enough. */
const UNKNOWN_PROVIDER_SLOTS = 1;

/**
 * A submission takes a place among those that this process has under way, and at a provider that bounds its jobs first a place among those of the
 * whole deployment, which it keeps until the job's verdict.
 */
export class Places {
  readonly #slots = new Map<string, FairSlots<Waiter>>();
  readonly #jobs = new Map<string, JobPlaces<Waiter>>();
  /** Tasks that this process has in memory. */
  inMemory = 0;

  constructor(private readonly parts: PlaceParts) {
    const { providers, jobsMaxOf, jobs, holdOf, onTrouble } = parts;
    for (const provider of providers.keys()) {
      const jobsMax = jobsMaxOf(provider);
      if (jobsMax === null) continue;
      const onGiven = (waiter: Waiter): void => this.#of(provider).enter(waiter.account, waiter.weight, waiter);
      this.#jobs.set(provider, new JobPlaces({ provider, jobsMax, jobs, holdOf, onGiven, onTrouble }));
    }
  }

  get waiting(): number {
    let waiting = 0;
    for (const slots of this.#slots.values()) waiting += slots.waiting;
    for (const jobs of this.#jobs.values()) waiting += jobs.waiting;
    return waiting;
  }

  /** The providers that bound their jobs. */
  get bounded(): string[] {
    return [...this.#jobs.keys()];
  }

  isBounded(provider: string): boolean {
    return this.#jobs.has(provider);
  }

  enter(provider: string, waiter: Waiter): void {
    const jobs = this.#jobs.get(provider);
    if (jobs !== undefined) jobs.enter(waiter);
    else this.#of(provider).enter(waiter.account, waiter.weight, waiter);
  }

  /** The submission was answered. */
  leave(provider: string): void {
    this.#of(provider).leave();
  }

  /** The job has its verdict, or none was submitted. */
  leaveJob(provider: string, task: PlacedTask): void {
    this.#jobs.get(provider)?.leave(task);
  }

  /** A job that was submitted by an owner that is gone. */
  adoptJob(provider: string, task: PlacedTask): void {
    this.#jobs.get(provider)?.adopt(task);
  }

  /** The account's partition is no longer ours: none of its tasks waits here any more. */
  drop(account: string): void {
    for (const slots of this.#slots.values()) slots.drop(account);
    for (const jobs of this.#jobs.values()) jobs.drop(account);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#jobs.values()].map((jobs) => jobs.stop()));
  }

  #of(provider: string): FairSlots<Waiter> {
    let slots = this.#slots.get(provider);
    if (slots === undefined) {
      const slotsMax = this.parts.providers.get(provider)?.capabilities.callsMax ?? UNKNOWN_PROVIDER_SLOTS;
      slots = new FairSlots(slotsMax, (waiter) => waiter.start());
      this.#slots.set(provider, slots);
    }
    return slots;
  }
}
