// What operators see of the relay: who leads, how much was published, how far and how long it is behind, what fails.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface RelayFigures {
  leads: boolean;
  /** Facts of the log that are not published yet; null where positions cannot be counted. */
  lagFacts: number | null;
  /** How old the oldest of them is. */
  lagMs: number;
}

export class RelayMetrics {
  private readonly published: Counter<'topic'>;
  private readonly failures: Counter;
  private readonly skipped: Counter;

  constructor(private readonly registry: Registry) {
    const registers = [registry];
    this.published = new Counter({
      name: 'rollcredits_relay_published_total',
      help: 'Facts that Kafka acknowledged, by topic.',
      labelNames: ['topic'],
      registers,
    });
    this.failures = new Counter({
      name: 'rollcredits_relay_failures_total',
      help: 'Sends that failed; each was or is tried again.',
      registers,
    });
    this.skipped = new Counter({
      name: 'rollcredits_relay_skipped_total',
      help: 'Facts that were left out because Kafka refused them and an operator allowed it.',
      registers,
    });
  }

  watch(figures: () => Promise<RelayFigures>): void {
    const gauge = (name: string, help: string, value: (figures: RelayFigures) => number | null): void => {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          // The database may be away when it is asked: no figure is better than a wrong one.
          const now = await figures().catch(() => null);
          const seen = now === null ? null : value(now);
          if (seen === null) this.reset();
          else this.set(seen);
        },
      });
    };
    gauge('rollcredits_relay_leads', '1 where this process publishes, 0 where another one does.', ({ leads }) => (leads ? 1 : 0));
    gauge('rollcredits_relay_lag_facts', 'Facts of the log that are not published yet.', ({ leads, lagFacts }) =>
      leads ? lagFacts : null,
    );
    gauge('rollcredits_relay_lag_ms', 'How long ago the oldest unpublished fact was recorded.', ({ leads, lagMs }) =>
      leads ? lagMs : null,
    );
  }

  onPublished(topic: string, facts: number): void {
    this.published.inc({ topic }, facts);
  }

  onFailed(): void {
    this.failures.inc();
  }

  onSkipped(): void {
    this.skipped.inc();
  }
}
