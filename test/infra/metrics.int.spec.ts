import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiWorld, type ApiWorld } from '../api/api-world.js';
import { exists, text, yaml } from './infra-files.js';
import { readPromql } from './promql.js';
import { shownBy, type Shown } from './shown-metrics.js';

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

interface Panel {
  id: number;
  type: string;
  title: string;
  datasource?: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Array<{ expr: string; legendFormat: string }>;
}

const rules = (yaml(text('infra', 'prometheus', 'alerts.yml')).groups as Array<{ rules: Rule[] }>).flatMap((group) => group.rules);
const dashboard = JSON.parse(text('infra', 'grafana', 'dashboards', 'rollcredits.json')) as { uid: string; panels: Panel[] };
const queries = dashboard.panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, ...target })));

let world: ApiWorld;
let shown: Shown;

beforeAll(async () => {
  world = await createApiWorld();
  shown = shownBy(world);
});

afterAll(() => world.close());

function wrongIn(expression: string): string[] {
  const { asked, grouped } = readPromql(expression);
  const wrong = asked.flatMap(({ metric, labels }) => {
    const known = shown.get(metric);
    if (known === undefined) return [`no metric ${metric}`];
    return labels.filter((label) => !known.has(label)).map((label) => `${metric} has no label ${label}`);
  });
  const known = new Set(asked.flatMap(({ metric }) => [...(shown.get(metric) ?? [])]));
  return [...wrong, ...grouped.filter((label) => !known.has(label)).map((label) => `nothing asked for has a label ${label}`)];
}

describe('the alerts', () => {
  it('ask only for metrics and labels that the processes show', () => {
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.flatMap((rule) => wrongIn(rule.expr).map((wrong) => `${rule.alert}: ${wrong}`))).toEqual([]);
  });

  it('are rules as Prometheus reads them: a name of their own, how long, how urgent', () => {
    expect(new Set(rules.map((rule) => rule.alert)).size).toBe(rules.length);
    for (const rule of rules) {
      expect(Object.keys(rule).filter((key) => !['alert', 'expr', 'for', 'labels', 'annotations'].includes(key))).toEqual([]);
      expect([rule.alert, rule.for ?? '0s']).toEqual([rule.alert, expect.stringMatching(/^\d+[smh]$/)]);
      expect([rule.alert, rule.labels]).toEqual([rule.alert, { severity: expect.stringMatching(/^(page|ticket)$/) }]);
    }
  });

  it('name a runbook that exists', () => {
    expect(rules.filter(({ annotations }) => !exists(annotations['runbook'] ?? 'nowhere')).map((rule) => rule.alert)).toEqual([]);
  });

  it('speak of labels that their expression leaves', () => {
    for (const rule of rules) {
      const spoken = [...JSON.stringify(rule.annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!);
      const { asked, grouped } = readPromql(rule.expr);
      const left = grouped.length > 0 ? new Set(grouped) : new Set(asked.flatMap(({ metric }) => [...(shown.get(metric) ?? [])]));
      expect([rule.alert, spoken.filter((label) => !left.has(label))]).toEqual([rule.alert, []]);
    }
  });
});

describe('the dashboard', () => {
  it('asks only for metrics and labels that the processes show', () => {
    expect(queries.length).toBeGreaterThan(20);
    expect(queries.flatMap(({ panel, expr }) => wrongIn(expr).map((wrong) => `${panel.title}: ${wrong}`))).toEqual([]);
  });

  it('names lines by labels that its queries leave', () => {
    for (const { panel, expr, legendFormat } of queries) {
      const spoken = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
      const { grouped } = readPromql(expr);
      expect([panel.title, spoken.filter((label) => !grouped.includes(label))]).toEqual([panel.title, []]);
    }
  });

  it('reads from the data source that is provisioned, with no panel on another', () => {
    const [source] = yaml(text('infra', 'grafana', 'provisioning', 'datasources', 'prometheus.yaml')).datasources;
    expect(new Set(dashboard.panels.filter(({ type }) => type !== 'row').map((panel) => panel.datasource?.uid))).toEqual(
      new Set([source.uid]),
    );
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.filter(({ gridPos }) => gridPos.x + gridPos.w > 24)).toEqual([]);
  });
});

describe('readiness, as a probe asks it', () => {
  it('is judged by the parts that decide about traffic alone', async () => {
    const asked = await world.call('GET', '/readyz?parts=eventStore,postgres', undefined, { key: null });
    expect([asked.status, Object.keys(asked.body.parts)]).toEqual([200, ['eventStore', 'postgres']]);
    const mistyped = await world.call('GET', '/readyz?parts=postgers', undefined, { key: null, unchecked: true });
    expect([mistyped.status, mistyped.body.status]).toEqual([503, 'down']);
    expect((await world.call('GET', '/readyz?parts=%20', undefined, { key: null, unchecked: true })).status).toBe(400);
  });
});
