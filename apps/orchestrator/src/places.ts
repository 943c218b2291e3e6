// 5 react · the places for submissions of this process, for all its partitions together: who waits for which provider, and how much there is in memory.
import type { Provider } from '#libs/providers';
import { FairSlots } from './fair-slots.js';

/** A task in line. */
export interface Waiter {
  /** By accountKey. */
  readonly account: string;
  readonly weight: number;
  /** Its turn has come: it holds a place until it leaves it. */
  start(): void;
}

/** Of a provider that this process does not know: its tasks wait, so one place is enough. */
const UNKNOWN_PROVIDER_SLOTS = 1;

export class Places {
  readonly #slots = new Map<string, FairSlots<Waiter>>();
  /** Tasks that this process has in memory. */
  inMemory = 0;

  constructor(private readonly providers: ReadonlyMap<string, Provider>) {}

  get waiting(): number {
    let waiting = 0;
    for (const slots of this.#slots.values()) waiting += slots.waiting;
    return waiting;
  }

  enter(provider: string, waiter: Waiter): void {
    this.#of(provider).enter(waiter.account, waiter.weight, waiter);
  }

  leave(provider: string): void {
    this.#of(provider).leave();
  }

  /** The account's partition is no longer ours: none of its tasks waits here any more. */
  drop(account: string): void {
    for (const slots of this.#slots.values()) slots.drop(account);
  }

  #of(provider: string): FairSlots<Waiter> {
    let slots = this.#slots.get(provider);
    if (slots === undefined) {
      slots = new FairSlots(this.providers.get(provider)?.capabilities.callsMax ?? UNKNOWN_PROVIDER_SLOTS, (waiter) => waiter.start());
      this.#slots.set(provider, slots);
    }
    return slots;
  }
}
