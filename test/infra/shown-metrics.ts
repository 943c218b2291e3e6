// Every metric that a process of the deployment shows, with its labels: taken from the registries of composed roles, not from a list.
import { Registry } from 'prom-client';
import { RelayMetrics } from '#apps/relay';
import { MessagingMetrics } from '#libs/messaging';
import { METRICS } from '#libs/platform';
import { fleetMetrics } from '#libs/providers';
import type { ApiWorld } from '../api/api-world.js';

export type Shown = ReadonlyMap<string, ReadonlySet<string>>;

/** Those that Prometheus sets, and the one that every registry of ours does. */
const EVERYWHERE = ['job', 'instance', 'process'];

/** `world` is api, projector and orchestrator in one; what only runs beside a Kafka is made for its names. */
export function shownBy(world: ApiWorld): Shown {
  const besideKafka = new Registry();
  new MessagingMetrics(besideKafka);
  new RelayMetrics(besideKafka).watch(() => Promise.reject(new Error('nothing to see')));
  fleetMetrics(besideKafka, () => null);

  const shown = new Map<string, ReadonlySet<string>>([['up', new Set(EVERYWHERE)]]);
  for (const registry of [world.api.app.get<Registry>(METRICS), besideKafka]) {
    for (const metric of registry.getMetricsAsArray() as unknown as Array<{ name: string; type: string; labelNames?: string[] }>) {
      const labels = [...(metric.labelNames ?? []), ...EVERYWHERE];
      shown.set(metric.name, new Set(labels));
      if (metric.type !== 'histogram') continue;
      for (const part of ['_bucket', '_sum', '_count']) shown.set(metric.name + part, new Set([...labels, 'le']));
    }
  }
  return shown;
}
