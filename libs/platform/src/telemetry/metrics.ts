// The registry of this process's figures, shown at /metrics; parts register their own under `rollcredits_…`.
import { collectDefaultMetrics, Registry } from 'prom-client';

export function createMetrics(process: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ process });
  collectDefaultMetrics({ register: registry });
  return registry;
}
