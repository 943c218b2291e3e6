// Reads PromQL with Prometheus' own grammar: which metrics an expression asks for, with which labels; for the specs of alerts, dashboard and runbooks.
import { parser } from '@prometheus-io/lezer-promql';

export interface Asked {
  metric: string;
  /** Of its matchers. */
  labels: string[];
}

export interface Reading {
  asked: Asked[];
  /** Of `by (…)` and `without (…)`. */
  grouped: string[];
}

/** Throws where the grammar does not know the expression. Grafana's own variables stand for a duration. */
export function readPromql(expression: string): Reading {
  const source = expression.replaceAll('$__rate_interval', '5m');
  const asked: Asked[] = [];
  const grouped: string[] = [];
  let selector: Asked | null = null;
  parser.parse(source).iterate({
    enter(node) {
      if (node.type.isError) throw new Error(`no PromQL at ${node.from}: ${source}`);
      const word = source.slice(node.from, node.to);
      if (node.name === 'VectorSelector') {
        selector = { metric: '', labels: [] };
        asked.push(selector);
      }
      if (selector !== null && node.name === 'Identifier' && selector.metric === '') selector.metric = word;
      if (node.name === 'LabelName') (selector?.labels ?? grouped).push(word);
    },
    leave(node) {
      if (node.name === 'VectorSelector') selector = null;
    },
  });
  return { asked, grouped };
}
