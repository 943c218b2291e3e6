// Writes docs/events.md from the fact types in the code; `npm run docs` runs it and a test diffs its answer.
import { join } from 'node:path';
import ts from 'typescript';

interface FactSource {
  file: string;
  /** The union type that lists the category's facts. */
  union: string;
  heading: string;
  intro: string;
}

const SOURCES: FactSource[] = [
  {
    file: 'libs/ledger/src/account.facts.ts',
    union: 'AccountFact',
    heading: 'account',
    intro: 'Streams `account-<tenant>.<account id>`: every movement of credits.',
  },
  {
    file: 'libs/tasks/src/task.facts.ts',
    union: 'TaskFact',
    heading: 'task',
    intro: 'Streams `task-<tenant>.<task id>`: the life of one generation, refused submissions included.',
  },
  {
    file: 'libs/catalogue/src/catalogue.facts.ts',
    union: 'ModelFact',
    heading: 'model',
    intro: 'Streams `model-<model id>`: the deployment’s own, of no tenant.',
  },
  {
    file: 'libs/catalogue/src/catalogue.facts.ts',
    union: 'PlanFact',
    heading: 'plan',
    intro: 'Streams `plan-<plan id>`: the deployment’s own, of no tenant.',
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
  },
  {
    file: 'libs/finance/src/period.facts.ts',
    union: 'PeriodClosed',
    heading: 'periods, figures',
    intro: 'On the same streams: what a month came to, for good.',
  },
  {
    file: 'libs/finance/src/billing.facts.ts',
    union: 'BillLineBooked',
    heading: 'billing',
    intro: 'Streams `billing-<tenant>.<provider>`: what a provider’s bills changed in the books.',
  },
  {
    file: 'libs/finance/src/billing.facts.ts',
    union: 'BillJobsMissing',
    heading: 'billing, missing',
    intro: 'On the same streams: attempts that cost something and that no bill spoke of.',
  },
  {
    file: 'libs/finance/src/billing.facts.ts',
    union: 'BillImported',
    heading: 'billing, answers',
    intro: 'On the same streams: what an import answered.',
  },
];

const HEADER = `# Facts

Generated from the types in the code by \`npm run docs\`; a test compares the two. Every fact also carries: id, stream, revision, position,
recorded-at, schema version, actor, tenant, correlation id, causation id, and the hash of the request that caused it. \`ErasableRef\` stands for a text that
can be forgotten: its salted digest is here, the text itself travels encrypted beside the fact.
`;

/** The whole document. `root` is the checkout. */
export function eventsMarkdown(root: string): string {
  const config = ts.readConfigFile(join(root, 'tsconfig.depcruise.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const files = [...new Set(SOURCES.map((source) => join(root, source.file)))];
  const program = ts.createProgram(files, { ...options, noEmit: true, incremental: false, tsBuildInfoFile: undefined });
  const checker = program.getTypeChecker();
  const sections = SOURCES.map((source) => section(source, program.getSourceFile(join(root, source.file))!, checker));
  return [HEADER, ...sections].join('\n');
}

function section(source: FactSource, file: ts.SourceFile, checker: ts.TypeChecker): string {
  const alias = file.statements.filter(ts.isTypeAliasDeclaration).find((statement) => statement.name.text === source.union);
  if (alias === undefined) throw new Error(`${source.file} declares no type ${source.union}`);
  const members = ts.isUnionTypeNode(alias.type) ? [...alias.type.types] : [alias.type];
  return [
    `## ${source.heading}\n`,
    `${source.intro}\n`,
    ...members.map((member, index) => fact(member, members[index - 1], file, checker)),
  ].join('\n');
}

function fact(member: ts.TypeNode, previous: ts.TypeNode | undefined, file: ts.SourceFile, checker: ts.TypeChecker): string {
  if (!ts.isTypeReferenceNode(member)) throw new Error(`not a Fact<…>: ${member.getText(file)}`);
  const [name, data] = member.typeArguments ?? [];
  if (name === undefined || data === undefined || !ts.isLiteralTypeNode(name) || !ts.isStringLiteral(name.literal))
    throw new Error(`not a Fact<…>: ${member.getText(file)}`);
  const between = file.text.slice(previous?.end ?? member.getFullStart(), member.getStart(file));
  const meaning = /\/\*\*\s*([\s\S]*?)\s*\*\//.exec(between)?.[1];
  const rows = checker.getPropertiesOfType(checker.getTypeFromTypeNode(data)).map((property) => field(property, file, checker));
  return [
    `### ${name.literal.text}\n`,
    ...(meaning === undefined ? [] : [`${oneLine(meaning)}\n`]),
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

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*\*?\s*/g, ' ').trim();
}
