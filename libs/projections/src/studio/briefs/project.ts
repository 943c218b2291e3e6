// 4 project · briefs, prompts and benchmarks, one row each; run by the projection engine. They are few, so each is read, folded and written whole.
import { fromIso } from '#libs/kernel';
import { parseStream, type StoredFact } from '#libs/event-store';
import type { BenchmarkFact, BriefFact, PromptFact } from '#libs/studio';
import type { Projection, ReadModel, ReadRows, Statement } from '../../engine/read-model.port.js';
import { readSql } from '../../engine/sql-file.js';
import {
  type BenchmarkRow,
  type BriefRow,
  briefRowOf,
  insertVersions,
  type Named,
  type PromptRow,
  promptRowOf,
  type PromptVersionRow,
  selectBriefs,
  selectPrompts,
  type StoredBrief,
  type StoredPrompt,
  upsertBenchmarks,
  upsertBriefs,
  upsertPrompts,
} from './rows.js';

const PREFIXES = ['brief-', 'prompt-', 'benchmark-'] as const;

class BriefsProjection implements Projection {
  /** By stream; of one batch. */
  #briefs = new Map<string, BriefRow>();
  #prompts = new Map<string, PromptRow>();
  #versions: PromptVersionRow[] = [];
  #benchmarks = new Map<string, BenchmarkRow>();
  #facts: StoredFact[] = [];

  constructor(private readonly version: number) {}

  async load(facts: readonly StoredFact[], read: ReadRows): Promise<void> {
    this.#facts = facts.filter(({ stream }) => PREFIXES.some((prefix) => stream.startsWith(prefix)));
    const [briefs, prompts] = [known(this.#facts, 'brief-'), known(this.#facts, 'prompt-')];
    if (briefs.length > 0)
      for (const stored of await read<StoredBrief>(selectBriefs(this.version, briefs))) {
        const row = briefRowOf(stored);
        this.#briefs.set(`brief-${row.tenant}.${row.created.briefId}`, row);
      }
    if (prompts.length > 0)
      for (const stored of await read<StoredPrompt>(selectPrompts(this.version, prompts))) {
        const row = promptRowOf(stored);
        this.#prompts.set(`prompt-${row.tenant}.${row.promptId}`, row);
      }
  }

  fold(): void {
    for (const fact of this.#facts) {
      if (fact.stream.startsWith('brief-')) this.#foldBrief(fact, fact as unknown as BriefFact);
      else if (fact.stream.startsWith('prompt-')) this.#foldPrompt(fact, fact as unknown as PromptFact);
      else {
        const { data } = fact as unknown as BenchmarkFact;
        this.#benchmarks.set(fact.stream, { tenant: fact.tenant, data, position: fact.position });
      }
    }
  }

  #foldBrief({ stream, tenant, position, sealed }: StoredFact, fact: BriefFact): void {
    if (fact.type === 'BriefCreated') {
      this.#briefs.set(stream, {
        ...{ tenant, created: fact.data, createdPosition: position, readied: null, revision: 0, position },
        ...{ attemptsUsed: 0, sealed, sealedVariables: null },
      });
      return;
    }
    const row = this.#briefs.get(stream);
    if (row === undefined) throw new Error(`${stream} was never created`);
    row.position = position;
    if (fact.type === 'BriefReadied') {
      row.readied = fact.data;
      row.revision = fact.data.revision;
      row.sealedVariables = sealed;
    } else row.attemptsUsed = fact.data.used;
  }

  #foldPrompt({ stream, tenant, position, sealed }: StoredFact, fact: PromptFact): void {
    const { promptId } = fact.data;
    const createdAt = fromIso(fact.data.decidedAt);
    if (fact.type === 'PromptCreated') {
      this.#prompts.set(stream, { tenant, promptId, createdAt, createdPosition: position, position, labels: {}, sealed });
      return;
    }
    const row = this.#prompts.get(stream);
    if (row === undefined) throw new Error(`${stream} was never created`);
    row.position = position;
    if (fact.type === 'PromptLabelMoved') row.labels[fact.data.label] = fact.data.version;
    else this.#versions.push({ tenant, promptId, version: fact.data.version, createdAt, variables: fact.data.variables, sealed });
  }

  write(): Statement[] {
    const statements: Statement[] = [];
    if (this.#briefs.size > 0) statements.push(upsertBriefs(this.version, [...this.#briefs.values()]));
    if (this.#prompts.size > 0) statements.push(upsertPrompts(this.version, [...this.#prompts.values()]));
    if (this.#versions.length > 0) statements.push(insertVersions(this.version, this.#versions));
    if (this.#benchmarks.size > 0) statements.push(upsertBenchmarks(this.version, [...this.#benchmarks.values()]));
    return statements;
  }

  committed(): void {
    this.#briefs = new Map();
    this.#prompts = new Map();
    this.#versions = [];
    this.#benchmarks = new Map();
  }

  aborted(): void {
    this.committed();
  }
}

/** Those that facts go on about without having begun in the batch. */
function known(facts: readonly StoredFact[], prefix: string): Named[] {
  const named = new Map<string, Named>();
  const begun = new Set<string>();
  for (const { stream, tenant, revision } of facts) {
    if (!stream.startsWith(prefix)) continue;
    if (revision === 0) begun.add(stream);
    else if (!begun.has(stream)) named.set(stream, { tenant, id: parseStream(stream).id });
  }
  return [...named.values()];
}

export const briefs: ReadModel = {
  name: 'briefs',
  codeVersion: 1,
  relations: ['brief', 'prompt', 'prompt_version', 'benchmark'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new BriefsProjection(version),
};
