// The model behind docs/scaling.md: what one part can do, measured by the bench, against what a number of tasks a month asks of it; no figure is typed in.
export interface BenchLeg {
  leg: string;
  figures: Array<{ what: string; value: number; unit: string }>;
  at?: string;
}

export interface BenchResults {
  at: string;
  node: string;
  cpu: string;
  cores: number;
  results: BenchLeg[];
}

/** The load that the document speaks of. */
export const LOAD = { tasksPerMonth: 100_000_000, daysPerMonth: 30, peakFactor: 4, utilisation: 0.6 } as const;

const SECONDS_PER_DAY = 86_400;
export const meanPerSecond = (tasksPerMonth: number): number => tasksPerMonth / (LOAD.daysPerMonth * SECONDS_PER_DAY);

interface Part {
  part: string;
  /** Which figure of which leg is its limit; its unit is one second. */
  leg: string;
  figure: RegExp;
  /** How much of it one task takes. */
  perTask: (facts: number) => number;
  unit: string;
  /** What there can be more of. */
  grows: string;
}

const PARTS: Part[] = [
  {
    part: 'API process: submissions',
    leg: 'b',
    figure: /^POST \/v1\/tasks, keyed$/,
    perTask: () => 1,
    unit: 'submissions/s',
    grows: 'processes, while accounts spread over them',
  },
  {
    part: 'one hot account',
    leg: 'c',
    figure: /^POST \/v1\/tasks on one account$/,
    perTask: () => 1,
    unit: 'submissions/s',
    grows: 'nothing: one account is decided in one place; split it',
  },
  { part: 'API process: balance reads', leg: 'd', figure: /^GET /, perTask: () => 3, unit: 'reads/s', grows: 'processes' },
  {
    part: 'append: one writer, two facts a command',
    leg: 'a',
    figure: /^holds over 1,000 accounts$/,
    perTask: (facts) => facts / 2,
    unit: 'commands/s',
    grows: 'processes, up to what the log’s one order takes; then shards',
  },
  {
    part: 'whole lives, every role in one process',
    leg: 'e',
    figure: /^lives/,
    perTask: () => 1,
    unit: 'lives/s',
    grows: 'roles as processes of their own',
  },
  { part: 'whole lives, 1 orchestrator', leg: 'j', figure: /\b1 orchestrator/, perTask: () => 1, unit: 'lives/s', grows: 'orchestrators' },
  {
    part: 'whole lives, 3 orchestrators',
    leg: 'j',
    figure: /\b3 orchestrators/,
    perTask: () => 1,
    unit: 'lives/s',
    grows: 'orchestrators, up to the partitions',
  },
  {
    part: 'relay',
    leg: 'i',
    figure: /^(?!.*÷)(?!.*bare).*relay/i,
    perTask: (facts) => facts,
    unit: 'facts/s',
    grows: 'nothing: one leads; shards',
  },
  {
    part: 'EventStoreDB adapter',
    leg: 'k',
    figure: /^(?!.*÷)(?!.*bare).*(adapter|append)/i,
    perTask: (facts) => facts / 2,
    unit: 'appends/s',
    grows: 'processes, up to the leader; then shards',
  },
];

export function figureOf(bench: BenchResults, leg: string, pattern: RegExp): number | null {
  return bench.results.find((one) => one.leg === leg)?.figures.find(({ what }) => pattern.test(what.trim()))?.value ?? null;
}

export function scalingTables(bench: BenchResults): string {
  const { tasksPerMonth, peakFactor, utilisation } = LOAD;
  const mean = meanPerSecond(tasksPerMonth);
  const peak = mean * peakFactor;
  const facts = figureOf(bench, 's', /^facts$/);
  return [
    `Measured on ${bench.cores} cores (${bench.cpu}), Node ${bench.node}, by \`npm run bench\`; the newest leg is of ${newest(bench).slice(0, 10)}. The client of the bench ran on the same cores.`,
    '',
    `${whole(tasksPerMonth)} tasks a month are ${mean.toFixed(1)}/s on average; with a peak of ${peakFactor} times the mean, **${peak.toFixed(0)}/s**. A part is asked for at most ${utilisation * 100} % of what it did in the bench.`,
    '',
    '| part | leg | limit, measured | one task takes | at the peak | used | needed | more of it by |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...PARTS.map((part) => partRow(part, bench, peak, facts)),
    '',
    '| what grows | bytes a task | a day | a month | a year |',
    '| --- | --- | --- | --- | --- |',
    ...STORAGE.map(([name, pattern]) => storageRow(name, figureOf(bench, 's', pattern))),
    '',
  ].join('\n');
}

const STORAGE: Array<[string, RegExp]> = [
  ['the log', /^log$/],
  ['read models', /^read models$/],
  ['snapshots and other rows', /^snapshots/],
  ['write-ahead log (kept as long as the backups need it)', /^write-ahead/],
  ['Kafka, one copy, uncompressed', /^Kafka/],
];

function partRow({ part, leg, figure, perTask, unit, grows }: Part, bench: BenchResults, peak: number, facts: number | null): string {
  const limit = figureOf(bench, leg, figure);
  const takes = facts === null ? null : perTask(facts);
  if (limit === null || takes === null) return `| ${part} | ${leg} | not measured | | | | | ${grows} |`;
  const asked = peak * takes;
  const used = asked / limit;
  const needed = grows.startsWith('nothing') ? '1' : String(Math.max(1, Math.ceil(used / LOAD.utilisation)));
  return `| ${part} | ${leg} | ${whole(limit)} ${unit} | ${number(takes)} | ${whole(asked)}/s | ${percent(used)} | ${needed} | ${grows} |`;
}

function storageRow(name: string, bytes: number | null): string {
  if (bytes === null) return `| ${name} | not measured | | | |`;
  const perMonth = bytes * LOAD.tasksPerMonth;
  return `| ${name} | ${whole(bytes)} | ${size(perMonth / LOAD.daysPerMonth)} | ${size(perMonth)} | ${size(perMonth * 12)} |`;
}

const newest = (bench: BenchResults): string =>
  bench.results.reduce((latest, { at }) => (at !== undefined && at > latest ? at : latest), bench.at);
const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const number = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));
const percent = (value: number): string => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${(bytes / 1000 ** power).toPrecision(3)} ${units[power]!}`;
}

const BEGIN = '<!-- measured: npm run scaling writes what follows -->';
const END = '<!-- /measured -->';

/** The document with the tables between its marks made anew. */
export function withTables(document: string, bench: BenchResults): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error('docs/scaling.md has lost the marks between which the tables stand');
  return `${document.slice(0, from)}${BEGIN}\n\n${scalingTables(bench)}\n${document.slice(to)}`;
}
