// 5 react · the figures of fleets at /metrics: what workers said, and what could not be taken as their word.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface FleetMetrics {
  messages: Counter<'outcome'>;
  deadLetters: Counter<'reason'>;
}

export function fleetMetrics(registry: Registry, openDeadLetters: () => number | null): FleetMetrics {
  const registers = [registry];
  new Gauge({
    name: 'rollcredits_dead_letters_open',
    help: 'Messages on the dead-letter topic that were not redriven; as far as this process has read it.',
    registers,
    collect() {
      const open = openDeadLetters();
      if (open === null) this.reset();
      else this.set(open);
    },
  });
  return {
    messages: new Counter({
      name: 'rollcredits_fleet_messages_total',
      help: 'Messages of fleet workers by what became of them.',
      labelNames: ['outcome'],
      registers,
    }),
    deadLetters: new Counter({
      name: 'rollcredits_dead_letters_total',
      help: 'Messages of fleet workers that went to the dead-letter topic, by the reason.',
      labelNames: ['reason'],
      registers,
    }),
  };
}
