// 5 react · what operators see of the parts that follow the log: who leads, how far behind it is, what it made of the facts.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface FollowerFigures {
  leads: boolean;
  lagMs: number;
}

export type CopyOutcome = 'stored' | 'given_up' | 'tried_again';

export class FollowerMetrics {
  readonly #figures = new Map<string, () => FollowerFigures>();
  readonly #seen: Counter<'follower'>;
  readonly #troubles: Counter<'follower'>;
  readonly #clips: Counter;
  readonly #copies: Counter<'outcome'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#gauge(registers, 'leads', '1 where this process follows the log, 0 where another one does.', ({ leads }) => (leads ? 1 : 0));
    this.#gauge(
      registers,
      'lag_ms',
      'Age of the oldest fact that was read and is not done with; 0 at the end of the log.',
      ({ lagMs }) => lagMs,
    );
    this.#seen = new Counter({
      name: 'rollcredits_follower_facts_total',
      help: 'Facts that a follower of the log has done with.',
      labelNames: ['follower'],
      registers,
    });
    this.#troubles = new Counter({
      name: 'rollcredits_follower_troubles_total',
      help: 'Interruptions of a follower of the log; each begins anew where it stood.',
      labelNames: ['follower'],
      registers,
    });
    this.#clips = new Counter({ name: 'rollcredits_clips_generated_total', help: 'Clips that were made of completed tasks.', registers });
    this.#copies = new Counter({
      name: 'rollcredits_asset_copies_total',
      help: 'Assets by what became of copying them; one that is tried again is counted each time.',
      labelNames: ['outcome'],
      registers,
    });
  }

  watch(follower: string, figures: () => FollowerFigures): void {
    this.#figures.set(follower, figures);
  }

  onSeen(follower: string, facts: number): void {
    this.#seen.inc({ follower }, facts);
  }

  onTrouble(follower: string): void {
    this.#troubles.inc({ follower });
  }

  onClip(): void {
    this.#clips.inc();
  }

  onCopy(outcome: CopyOutcome): void {
    this.#copies.inc({ outcome });
  }

  #gauge(registers: Registry[], name: string, help: string, read: (figures: FollowerFigures) => number): void {
    const figures = this.#figures;
    new Gauge({
      name: `rollcredits_follower_${name}`,
      help,
      labelNames: ['follower'],
      registers,
      collect() {
        for (const [follower, now] of figures) this.set({ follower }, read(now()));
      },
    });
  }
}
