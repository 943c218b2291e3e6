import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { until } from '../../../../test/support/until.js';
import type { AuditEntry } from './audit-entry.js';
import { auditId, isAudited, shownPath, targetOf } from './audit-entry.js';
import { AUDIT_QUEUE_MAX, AuditLog } from './audit-log.js';

const entry = (n: number): AuditEntry => ({
  ...{ id: `audit_${n}`, at: n, tenant: 't', keyId: 'key_1', keyName: 'spec', action: 'submitTask', method: 'POST', path: '/v1/tasks' },
  ...{ target: null, status: 202, requestId: `req_${n}`, position: null },
});

/** A database that is away for as many batches as told. */
function logOver(failures: number): { log: AuditLog; rows: AuditEntry[]; registry: Registry; batches: number[] } {
  const registry = new Registry();
  const rows: AuditEntry[] = [];
  const batches: number[] = [];
  let left = failures;
  const pool = {
    query: ({ name, values }: { name: string; values: unknown[][] }) => {
      if (name !== 'audit_insert') return Promise.resolve({ rowCount: 0 });
      if (left-- > 0) return Promise.reject(new Error('Connection terminated'));
      const ids = values[2] as string[];
      batches.push(ids.length);
      rows.push(...ids.map((id) => entry(Number(id.slice('audit_'.length)))));
      return Promise.resolve({ rowCount: ids.length });
    },
  };
  const config = { adminApiKey: 'plain secret', auditRetentionDays: 400 };
  const log = new AuditLog(pool as never, config, { now: () => Date.now() }, pino({ level: 'silent' }), registry);
  return { log, rows, registry, batches };
}

async function metric(registry: Registry, name: string): Promise<number> {
  return (await registry.getSingleMetric(name)?.get())?.values[0]?.value ?? 0;
}

describe('the audit of a process', () => {
  it('gathers what comes in a moment into batches, in order, by itself', async () => {
    const { log, rows, batches } = logOver(0);
    for (let n = 0; n < 3_000; n += 1) log.add(entry(n));
    expect(rows).toEqual([]);
    await until(() => rows.length === 3_000, { withinMs: 60_000 });
    expect(rows.map((row) => row.at)).toEqual([...Array(3_000).keys()]);
    expect(batches).toEqual([2_000, 1_000]);
  });

  it('tries again while the database is away, and loses nothing that fits', async () => {
    const { log, rows, registry } = logOver(3);
    log.add(entry(1));
    await until(() => rows.length === 1, { withinMs: 60_000 });
    expect(await metric(registry, 'rollcredits_audit_failures_total')).toBe(3);
    expect(await metric(registry, 'rollcredits_audit_dropped_total')).toBe(0);
  });

  it('is bounded, and counts what it had to lose', async () => {
    const { log, rows, registry } = logOver(1);
    for (let n = 0; n < AUDIT_QUEUE_MAX + 7; n += 1) log.add(entry(n));
    expect(await metric(registry, 'rollcredits_audit_waiting')).toBe(AUDIT_QUEUE_MAX);
    expect(await metric(registry, 'rollcredits_audit_dropped_total')).toBe(7);
    await expect(log.flush()).rejects.toThrow('Connection terminated');
    await log.flush();
    expect(rows).toHaveLength(AUDIT_QUEUE_MAX);
    await log.beforeApplicationShutdown();
  });

  it('is written before the process ends, also across a fault', async () => {
    const { log, rows } = logOver(1);
    log.add(entry(1));
    await log.beforeApplicationShutdown();
    expect(rows).toHaveLength(1);
  });
});

describe('an entry', () => {
  it('is made of writes and of privileged reads alone', () => {
    expect(isAudited('POST', { scope: 'tasks:write' })).toBe(true);
    expect(isAudited('GET', { scope: 'finance:read' })).toBe(true);
    expect(isAudited('HEAD', { scope: 'admin' })).toBe(true);
    expect(isAudited('GET', { scope: 'balances:read', orScope: 'support:read' })).toBe(true);
    expect(isAudited('GET', { scope: 'balances:read' })).toBe(false);
    expect(isAudited('GET', { scope: null })).toBe(false);
  });

  it('never shows what looks like a key, nor the configured one', () => {
    expect(shownPath('/v1/accounts/rc_0123456789', null)).toBe('/v1/accounts/[redacted]');
    expect(shownPath('/v1/accounts/plainsecret', 'plainsecret')).toBe('/v1/accounts/[redacted]');
    expect(targetOf({ id: 'rc_0123456789' }, undefined, null)).toBe('[redacted]');
    expect(targetOf({}, '/v1/tasks/task_1', null)).toBe('task_1');
    expect(targetOf({ id: 'acc_1', grantId: 'grant_1' }, undefined, null)).toBe('grant_1');
    expect(targetOf({}, undefined, null)).toBeNull();
    expect(auditId('req_abc')).toBe('audit_abc');
  });
});
