// The figures of forwarding: what was sent to owners and what became of it, what was decided for others, how many buckets are owned.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** `answered`: by the owner. `failed`: the owner's own failure, passed on. `declined`: not decided there, but here. `lost`: no answer, decided again here. */
export type ForwardOutcome = 'answered' | 'failed' | 'declined' | 'lost';

const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class RoutingMetrics {
  readonly #forwarded: Counter<'outcome'>;
  readonly #received: Counter<'outcome'>;
  readonly #refused: Counter<'why'>;
  readonly #seconds: Histogram;
  readonly #batch: Histogram;
  forwardedTotal = 0;
  fallenBackTotal = 0;
  receivedTotal = 0;

  constructor(registry: Registry, owned: () => number) {
    this.#forwarded = new Counter({
      name: 'rollcredits_routing_forwarded_total',
      help: 'Commands sent to the process that owns their account, by what became of them.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    this.#received = new Counter({
      name: 'rollcredits_routing_received_total',
      help: 'Commands that other processes sent to this one as the owner of their account.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    this.#refused = new Counter({
      name: 'rollcredits_routing_refused_total',
      help: 'Batches that were not let in: unsigned, heard before, of another release, too large.',
      labelNames: ['why'],
      registers: [registry],
    });
    this.#seconds = new Histogram({
      name: 'rollcredits_routing_forward_seconds',
      help: 'Time from a command that is sent to its owner to the answer.',
      buckets: BUCKETS_SECONDS,
      registers: [registry],
    });
    this.#batch = new Histogram({
      name: 'rollcredits_routing_batch_commands',
      help: 'Commands sent to an owner together.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers: [registry],
    });
    new Gauge({
      name: 'rollcredits_routing_buckets_owned',
      help: 'Buckets of accounts that this process owns.',
      registers: [registry],
      collect() {
        this.set(owned());
      },
    });
  }

  forwarded(outcome: ForwardOutcome, seconds: number): void {
    this.forwardedTotal += 1;
    if (outcome === 'declined' || outcome === 'lost') this.fallenBackTotal += 1;
    this.#forwarded.inc({ outcome });
    this.#seconds.observe(seconds);
  }

  sent(commands: number): void {
    this.#batch.observe(commands);
  }

  received(outcome: 'decided' | 'declined' | 'failed'): void {
    this.receivedTotal += 1;
    this.#received.inc({ outcome });
  }

  refused(why: string): void {
    this.#refused.inc({ why });
  }
}
