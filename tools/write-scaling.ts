// `npm run scaling`: writes the tables of docs/scaling.md from bench/results/latest.json and prints them; a test keeps the two in step.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scalingTables, withTables, type BenchResults } from './scaling-model.js';

const root = process.cwd();
const bench = JSON.parse(readFileSync(join(root, 'bench', 'results', 'latest.json'), 'utf8')) as BenchResults;
const file = join(root, 'docs', 'scaling.md');
writeFileSync(file, withTables(readFileSync(file, 'utf8'), bench));
process.stdout.write(`${scalingTables(bench)}\n`);
