import { describe, expect, it } from '@jest/globals';
import { figureOf, LOAD, meanPerSecond, scalingTables, withTables, type BenchResults } from '../../tools/scaling-model.js';
import { text } from './infra-files.js';

const bench = JSON.parse(text('bench', 'results', 'latest.json')) as BenchResults;
const made = (results: BenchResults['results']): BenchResults => ({ at: '2026-01-01', node: 'v20', cpu: 'cpu', cores: 2, results });

describe('docs/scaling.md', () => {
  it('says what bench/results/latest.json says (npm run scaling writes it)', () => {
    const document = text('docs', 'scaling.md');
    expect(document).toBe(withTables(document, bench));
  });

  it('computes 38.6 tasks a second from 100 million a month', () => {
    expect(meanPerSecond(LOAD.tasksPerMonth)).toBeCloseTo(38.58, 2);
    expect(scalingTables(bench)).toContain('**154/s**');
  });

  it('takes each limit from the leg that measured it', () => {
    for (const [leg, pattern] of [
      ['a', /^holds over 1,000 accounts$/],
      ['b', /^POST \/v1\/tasks, keyed$/],
      ['c', /^POST \/v1\/tasks on one account$/],
      ['d', /^GET /],
      ['e', /^lives/],
      ['s', /^facts$/],
      ['s', /^log$/],
    ] as Array<[string, RegExp]>)
      expect([leg, figureOf(bench, leg, pattern)]).toEqual([leg, expect.any(Number)]);
  });

  it('asks for as many of a part as the peak needs at the utilisation that is allowed', () => {
    const table = scalingTables(
      made([
        {
          leg: 's',
          figures: [
            { what: 'facts', value: 6, unit: '/task' },
            { what: 'log', value: 1000, unit: 'bytes/task' },
          ],
        },
        { leg: 'b', figures: [{ what: 'POST /v1/tasks, keyed', value: 100, unit: '/s' }] },
      ]),
    );
    // 154.3/s of 100/s are 154 %, which takes three at 60 % each.
    expect(table).toContain('| API process: submissions | b | 100 submissions/s | 1 | 154/s | 154 % | 3 |');
    // 1,000 bytes × 100 million are 100 GB a month.
    expect(table).toContain('| the log | 1,000 | 3.33 GB | 100 GB | 1.20 TB |');
  });

  it('says of a leg that has not run that it was not measured, and puts nothing in its place', () => {
    const table = scalingTables(made([]));
    expect(table.split('\n').filter((line) => line.includes('not measured')).length).toBeGreaterThan(12);
    expect(table).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is not written where its marks are gone', () => {
    expect(() => withTables('# Scaling\n', bench)).toThrow('has lost the marks');
  });
});
