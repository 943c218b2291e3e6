// Writes docs/events.md from the fact types in the code; `npm run docs` runs it and a test diffs its answer.
import { join } from 'node:path';
import ts from 'typescript';
import { ACCOUNT_FACT_VERSIONS } from '#libs/ledger';
import { BILLING_FACT_VERSIONS, PERIOD_FACT_VERSIONS } from '#libs/finance';
import { CATALOGUE_FACT_VERSIONS } from '#libs/catalogue';
import type { PublishedCategory } from '#libs/messaging';
import { BRIEF_FACT_VERSIONS, CLIP_FACT_VERSIONS, PROMPT_FACT_VERSIONS } from '#libs/studio';
import { TASK_FACT_VERSIONS } from '#libs/tasks';

export interface FactSource {
  file: string;
  /** The union type that lists the category's facts. */
  union: string;
  heading: string;
  intro: string;
  /** Of facts that the relay publishes: whose streams they are on, and the schema version of each. */
  published?: { category: PublishedCategory; versions: Readonly<Record<string, number>> };
}

export const SOURCES: FactSource[] = [
  {
    file: 'libs/ledger/src/account.facts.ts',
    union: 'AccountFact',
    heading: 'account',
    intro: 'Streams `account-<tenant>.<account id>`: every movement of credits.',
    published: { category: 'account', versions: ACCOUNT_FACT_VERSIONS },
  },
  {
    file: 'libs/tasks/src/task.facts.ts',
    union: 'TaskFact',
    heading: 'task',
    intro: 'Streams `task-<tenant>.<task id>`: the life of one generation, refused submissions included.',
    published: { category: 'task', versions: TASK_FACT_VERSIONS },
  },
  {
    file: 'libs/catalogue/src/catalogue.facts.ts',
    union: 'ModelFact',
    heading: 'model',
    intro: 'Streams `model-<model id>`: the deployment’s own, of no tenant.',
    published: { category: 'model', versions: CATALOGUE_FACT_VERSIONS },
  },
  {
    file: 'libs/catalogue/src/catalogue.facts.ts',
    union: 'PlanFact',
    heading: 'plan',
    intro: 'Streams `plan-<plan id>`: the deployment’s own, of no tenant.',
    published: { category: 'plan', versions: CATALOGUE_FACT_VERSIONS },
  },
  {
    file: 'libs/event-store/src/idempotency/request-claimed.facts.ts',
    union: 'RequestClaimed',
    heading: 'request',
    intro: 'Streams `request-<tenant>.<command id>`: what holds an idempotency key where the command’s own facts cannot.',
  },
  {
    file: 'libs/settlement/src/request.facts.ts',
    union: 'RequestFact',
    heading: 'request, answers',
    intro: 'On the same streams: answers for good that no other stream keeps.',
  },
  {
    file: 'libs/finance/src/period.facts.ts',
    union: 'PeriodCloseStarted',
    heading: 'periods',
    intro: 'Streams `periods-<tenant>`: which months are closed.',
    published: { category: 'periods', versions: PERIOD_FACT_VERSIONS },
  },
  {
    file: 'libs/finance/src/period.facts.ts',
    union: 'PeriodClosed',
    heading: 'periods, figures',
    intro: 'On the same streams: what a month came to, for good.',
    published: { category: 'periods', versions: PERIOD_FACT_VERSIONS },
  },
  {
    file: 'libs/finance/src/billing.facts.ts',
    union: 'BillLineBooked',
    heading: 'billing',
    intro: 'Streams `billing-<tenant>.<provider>`: what a provider’s bills changed in the books.',
    published: { category: 'billing', versions: BILLING_FACT_VERSIONS },
  },
  {
    file: 'libs/finance/src/billing.facts.ts',
    union: 'BillJobsMissing',
    heading: 'billing, missing',
    intro: 'On the same streams: attempts that cost something and that no bill spoke of.',
    published: { category: 'billing', versions: BILLING_FACT_VERSIONS },
  },
  {
    file: 'libs/finance/src/billing.facts.ts',
    union: 'BillImported',
    heading: 'billing, answers',
    intro: 'On the same streams: what an import answered.',
    published: { category: 'billing', versions: BILLING_FACT_VERSIONS },
  },
  {
    file: 'libs/studio/src/brief/brief.facts.ts',
    union: 'BriefFact',
    heading: 'brief',
    intro: 'Streams `brief-<tenant>.<brief id>`: what clips are wanted for, and the attempts that were made.',
    published: { category: 'brief', versions: BRIEF_FACT_VERSIONS },
  },
  {
    file: 'libs/studio/src/prompt/prompt.facts.ts',
    union: 'PromptFact',
    heading: 'prompt',
    intro: 'Streams `prompt-<tenant>.<prompt id>`: versions that never change, and labels that move.',
    published: { category: 'prompt', versions: PROMPT_FACT_VERSIONS },
  },
  {
    file: 'libs/studio/src/clip/clip.facts.ts',
    union: 'ClipFact',
    heading: 'clip',
    intro: 'Streams `clip-<tenant>.<clip id>`: how a clip came to be, every move of its review, and how it did.',
    published: { category: 'clip', versions: CLIP_FACT_VERSIONS },
  },
  {
    file: 'libs/studio/src/benchmark/benchmark.facts.ts',
    union: 'BenchmarkFact',
    heading: 'benchmark',
    intro: 'Streams `benchmark-<tenant>.<name>`: what the current workflow costs and how good it is.',
  },
];

const HEADER = `# Facts

Generated from the types in the code by \`npm run docs\`; a test compares the two. Every fact also carries: id, stream, revision, position,
recorded-at, schema version, actor, tenant, correlation id, causation id, and the hash of the request that caused it. \`ErasableRef\` stands for a text that
can be forgotten: its salted digest is here, the text itself travels encrypted beside the fact.
`;

/** One fact as its declaration says it. */
export interface DeclaredFact {
  name: string;
  meaning: string | null;
  data: ts.Type;
  file: ts.SourceFile;
}

/** The facts of every source, read from the types. `root` is the checkout. */
export function declaredFacts(root: string): { checker: ts.TypeChecker; sources: Array<{ source: FactSource; facts: DeclaredFact[] }> } {
  const config = ts.readConfigFile(join(root, 'tsconfig.depcruise.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const files = [...new Set(SOURCES.map((source) => join(root, source.file)))];
  const program = ts.createProgram(files, { ...options, noEmit: true, incremental: false, tsBuildInfoFile: undefined });
  const checker = program.getTypeChecker();
  const sources = SOURCES.map((source) => ({ source, facts: factsOf(source, program.getSourceFile(join(root, source.file))!, checker) }));
  return { checker, sources };
}

/** The whole document. `root` is the checkout. */
export function eventsMarkdown(root: string): string {
  const { checker, sources } = declaredFacts(root);
  const sections = sources.map(({ source, facts }) =>
    [`## ${source.heading}\n`, `${source.intro}\n`, ...facts.map((declared) => fact(declared, checker))].join('\n'),
  );
  return [HEADER, ...sections].join('\n');
}

function factsOf(source: FactSource, file: ts.SourceFile, checker: ts.TypeChecker): DeclaredFact[] {
  const alias = file.statements.filter(ts.isTypeAliasDeclaration).find((statement) => statement.name.text === source.union);
  if (alias === undefined) throw new Error(`${source.file} declares no type ${source.union}`);
  const members = ts.isUnionTypeNode(alias.type) ? [...alias.type.types] : [alias.type];
  return members.map((member, index) => declaredFact(member, members[index - 1], file, checker));
}

function declaredFact(member: ts.TypeNode, previous: ts.TypeNode | undefined, file: ts.SourceFile, checker: ts.TypeChecker): DeclaredFact {
  if (!ts.isTypeReferenceNode(member)) throw new Error(`not a Fact<…>: ${member.getText(file)}`);
  const [name, data] = member.typeArguments ?? [];
  if (name === undefined || data === undefined || !ts.isLiteralTypeNode(name) || !ts.isStringLiteral(name.literal))
    throw new Error(`not a Fact<…>: ${member.getText(file)}`);
  const between = file.text.slice(previous?.end ?? member.getFullStart(), member.getStart(file));
  const meaning = /\/\*\*\s*([\s\S]*?)\s*\*\//.exec(between)?.[1];
  return {
    name: name.literal.text,
    meaning: meaning === undefined ? null : oneLine(meaning),
    data: checker.getTypeFromTypeNode(data),
    file,
  };
}

function fact({ name, meaning, data, file }: DeclaredFact, checker: ts.TypeChecker): string {
  const rows = checker.getPropertiesOfType(data).map((property) => field(property, file, checker));
  return [
    `### ${name}\n`,
    ...(meaning === null ? [] : [`${meaning}\n`]),
    '| field | type | meaning |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function field(property: ts.Symbol, file: ts.SourceFile, checker: ts.TypeChecker): string {
  const type = checker.typeToString(checker.getTypeOfSymbolAtLocation(property, file), undefined, ts.TypeFormatFlags.NoTruncation);
  const optional = (property.flags & ts.SymbolFlags.Optional) !== 0;
  const meaning = oneLine(ts.displayPartsToString(property.getDocumentationComment(checker)));
  return `| \`${property.name}\`${optional ? ' (optional)' : ''} | \`${type.replaceAll('|', '\\|')}\` | ${meaning} |`;
}

export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*\*?\s*/g, ' ').trim();
}
