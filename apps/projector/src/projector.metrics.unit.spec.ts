import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import type { ProjectionStatus } from '#libs/projections';
import { ProjectorMetrics } from './projector.metrics.js';

const status = (name: string, more: Partial<ProjectionStatus> = {}): ProjectionStatus => ({
  name,
  version: 1,
  position: '0000000000000007',
  lagMs: 0,
  failure: null,
  leased: true,
  ...more,
});

describe('the figures of the read models', () => {
  it('tell the one that a fact stopped from the one that keeps up, with one question a look', async () => {
    const registry = new Registry();
    let asked = 0;
    const failure = { position: '0000000000000008', eventId: 'evt_1', error: 'no such grant', at: '2026-11-21T00:00:00Z' };
    const found = [status('movements', { lagMs: 90_000, failure }), status('task-status', { leased: false })];
    new ProjectorMetrics(registry, { status: async () => (asked++, found) });
    const text = await registry.metrics();
    expect(asked).toBe(1);
    expect(text).toContain('rollcredits_projection_lag_ms{read_model="movements"} 90000');
    expect(text).toContain('rollcredits_projection_stopped{read_model="movements"} 1');
    expect(text).toContain('rollcredits_projection_stopped{read_model="task-status"} 0');
    expect(text).toContain('rollcredits_projection_leased{read_model="task-status"} 0');
  });

  it('shows nothing, rather than zero or what was, while the database is away', async () => {
    const registry = new Registry();
    let away = false;
    new ProjectorMetrics(registry, { status: async () => (away ? Promise.reject(new Error('away')) : [status('movements')]) });
    expect(await registry.metrics()).toContain('rollcredits_projection_lag_ms{read_model="movements"} 0');
    away = true;
    expect(await registry.metrics()).not.toContain('read_model=');
  });
});
