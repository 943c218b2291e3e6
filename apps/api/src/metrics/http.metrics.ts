// 1 HTTP in · the edge's own figures: requests by route, commands by name, refusals by code.
import { Counter, Histogram, type Registry } from 'prom-client';

const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class HttpMetrics {
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  readonly #commands: Histogram<'command'>;
  readonly #refusals: Counter<'code'>;
  /** Bound once per combination: finding labels again costs more than counting. */
  readonly #bound = new Map<string, { observe(seconds: number): void }>();

  constructor(registry: Registry) {
    this.#requests = new Histogram({
      name: 'rollcredits_http_request_seconds',
      help: 'Time from a request to its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS_SECONDS,
      registers: [registry],
    });
    this.#commands = new Histogram({
      name: 'rollcredits_command_seconds',
      help: 'Time from a command to its durable answer.',
      labelNames: ['command'],
      buckets: BUCKETS_SECONDS,
      registers: [registry],
    });
    this.#refusals = new Counter({
      name: 'rollcredits_refusals_total',
      help: 'Problems answered, by code.',
      labelNames: ['code'],
      registers: [registry],
    });
  }

  observe(method: string, route: string, status: number, seconds: number): void {
    const name = `${method} ${route} ${status}`;
    let bound = this.#bound.get(name);
    if (bound === undefined) this.#bound.set(name, (bound = this.#requests.labels(method, route, String(status))));
    bound.observe(seconds);
  }

  command(command: string, seconds: number): void {
    let bound = this.#bound.get(command);
    if (bound === undefined) this.#bound.set(command, (bound = this.#commands.labels(command)));
    bound.observe(seconds);
  }

  refused(code: string): void {
    this.#refusals.inc({ code });
  }
}
