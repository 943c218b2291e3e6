// What operators see of the write path: how large groups are, how long they take, how much waits, how often streams collide.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { WriterObserver } from './postgres/group-writer.js';

export class EventStoreMetrics implements WriterObserver {
  private readonly registry: Registry;
  private readonly batchFacts: Histogram;
  private readonly latency: Histogram;
  private readonly conflicts: Counter;

  constructor(registry: Registry) {
    this.registry = registry;
    const registers = [registry];
    this.batchFacts = new Histogram({
      name: 'rollcredits_append_batch_facts',
      help: 'Facts written by one transaction.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    });
    this.latency = new Histogram({
      name: 'rollcredits_append_seconds',
      help: 'From the taking of a group of commands to its durable answer.',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.conflicts = new Counter({
      name: 'rollcredits_append_conflicts_total',
      help: 'Commands refused because a stream had moved on or a key was taken; sessions decide them again.',
      registers,
    });
  }

  watchQueue(depth: () => number): void {
    new Gauge({
      name: 'rollcredits_append_queue_depth',
      help: 'Commands that are decided and wait to be sent.',
      registers: [this.registry],
      collect() {
        this.set(depth());
      },
    });
  }

  onGroup(rows: number, latencyMs: number): void {
    this.batchFacts.observe(rows);
    this.latency.observe(latencyMs / 1000);
  }

  onConflict(): void {
    this.conflicts.inc();
  }
}
