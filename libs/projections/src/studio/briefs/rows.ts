// 4 project · a brief, a prompt and a benchmark as the read model `briefs` keeps them, and how they stand in their tables; called by project.ts.
import { fromIso, type InstantMs } from '#libs/kernel';
import type { BenchmarkFact, BriefFact } from '#libs/studio';
import type { Position } from '#libs/event-store';
import { bigintArray, instantArray, intArray, textArray } from '../../engine/binary-arrays.js';
import { type Statement, versioned } from '../../engine/read-model.port.js';

export type BriefCreatedData = Extract<BriefFact, { type: 'BriefCreated' }>['data'];
export type BriefReadiedData = Extract<BriefFact, { type: 'BriefReadied' }>['data'];

export interface BriefRow {
  tenant: string;
  created: BriefCreatedData;
  createdPosition: Position;
  readied: BriefReadiedData | null;
  revision: number;
  position: Position;
  attemptsUsed: number;
  sealed: string | null;
  sealedVariables: string | null;
}

export interface PromptRow {
  tenant: string;
  promptId: string;
  createdAt: InstantMs;
  createdPosition: Position;
  position: Position;
  labels: Record<string, number>;
  sealed: string | null;
}

export interface PromptVersionRow {
  tenant: string;
  promptId: string;
  version: number;
  createdAt: InstantMs;
  variables: string[];
  sealed: string | null;
}

export interface BenchmarkRow {
  tenant: string;
  data: BenchmarkFact['data'];
  position: Position;
}

export interface StoredBrief {
  tenant: string;
  created: string;
  created_position: string;
  readied: string | null;
  revision: number;
  position: string;
  attempts_used: number;
  sealed: string | null;
  sealed_variables: string | null;
}

export interface StoredPrompt {
  tenant: string;
  prompt_id: string;
  created_at: Date;
  created_position: string;
  position: string;
  labels: string;
  sealed: string | null;
}

const SELECT_BRIEFS = `
  SELECT b.tenant, created, created_position, readied, revision, position, attempts_used, sealed, sealed_variables
    FROM unnest($1::text[], $2::text[]) AS t(tenant, brief_id) JOIN brief_vN AS b ON b.tenant = t.tenant AND b.brief_id = t.brief_id`;

const UPSERT_BRIEFS = `
  INSERT INTO brief_vN (tenant, brief_id, account_id, state, campaign, channel, format, risk_level, created_position, revision, position,
                        attempts_used, created, readied, sealed, sealed_variables)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int[],
                       $11::text[], $12::int[], $13::text[], $14::text[], $15::text[], $16::text[])
  ON CONFLICT (tenant, brief_id) DO UPDATE
    SET state = excluded.state, revision = excluded.revision, position = excluded.position, attempts_used = excluded.attempts_used,
        readied = excluded.readied, sealed_variables = excluded.sealed_variables`;

const SELECT_PROMPTS = `
  SELECT p.tenant, p.prompt_id, created_at, created_position, position, labels, sealed
    FROM unnest($1::text[], $2::text[]) AS t(tenant, prompt_id) JOIN prompt_vN AS p ON p.tenant = t.tenant AND p.prompt_id = t.prompt_id`;

const UPSERT_PROMPTS = `
  INSERT INTO prompt_vN (tenant, prompt_id, created_at, created_position, position, labels, sealed)
  SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
  ON CONFLICT (tenant, prompt_id) DO UPDATE SET position = excluded.position, labels = excluded.labels`;

const INSERT_VERSIONS = `
  INSERT INTO prompt_version_vN (tenant, prompt_id, version, created_at, variables, sealed)
  SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::text[], $6::text[])`;

const UPSERT_BENCHMARKS = `
  INSERT INTO benchmark_vN (tenant, name, currency, amount_minor, usable_rate, updated_at, position)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::text[], $6::timestamptz[], $7::text[])
  ON CONFLICT (tenant, name) DO UPDATE
    SET currency = excluded.currency, amount_minor = excluded.amount_minor, usable_rate = excluded.usable_rate,
        updated_at = excluded.updated_at, position = excluded.position`;

/** Key parts of what is to be read. */
export interface Named {
  tenant: string;
  id: string;
}

export function selectBriefs(version: number, named: readonly Named[]): Statement {
  return statement(version, 'select_briefs', SELECT_BRIEFS, keysOf(named));
}

export function selectPrompts(version: number, named: readonly Named[]): Statement {
  return statement(version, 'select_prompts', SELECT_PROMPTS, keysOf(named));
}

function keysOf(named: readonly Named[]): unknown[] {
  return [textArray(named.map(({ tenant }) => tenant)), textArray(named.map(({ id }) => id))];
}

export function briefRowOf(stored: StoredBrief): BriefRow {
  return {
    tenant: stored.tenant,
    created: JSON.parse(stored.created) as BriefCreatedData,
    createdPosition: stored.created_position,
    readied: stored.readied === null ? null : (JSON.parse(stored.readied) as BriefReadiedData),
    revision: stored.revision,
    position: stored.position,
    attemptsUsed: stored.attempts_used,
    sealed: stored.sealed,
    sealedVariables: stored.sealed_variables,
  };
}

export function promptRowOf(stored: StoredPrompt): PromptRow {
  return {
    tenant: stored.tenant,
    promptId: stored.prompt_id,
    createdAt: stored.created_at.getTime(),
    createdPosition: stored.created_position,
    position: stored.position,
    labels: JSON.parse(stored.labels) as Record<string, number>,
    sealed: stored.sealed,
  };
}

export function upsertBriefs(version: number, rows: readonly BriefRow[]): Statement {
  return statement(version, 'upsert_briefs', UPSERT_BRIEFS, [
    textArray(rows.map((row) => row.tenant)),
    textArray(rows.map((row) => row.created.briefId)),
    textArray(rows.map((row) => row.created.accountId)),
    textArray(rows.map((row) => (row.readied === null ? 'draft_brief' : 'prompt_ready'))),
    textArray(rows.map((row) => row.created.campaign)),
    textArray(rows.map((row) => row.created.channel)),
    textArray(rows.map((row) => row.created.format)),
    textArray(rows.map((row) => row.created.riskLevel)),
    textArray(rows.map((row) => row.createdPosition)),
    intArray(rows.map((row) => row.revision)),
    textArray(rows.map((row) => row.position)),
    intArray(rows.map((row) => row.attemptsUsed)),
    textArray(rows.map((row) => JSON.stringify(row.created))),
    textArray(rows.map((row) => (row.readied === null ? null : JSON.stringify(row.readied)))),
    textArray(rows.map((row) => row.sealed)),
    textArray(rows.map((row) => row.sealedVariables)),
  ]);
}

export function upsertPrompts(version: number, rows: readonly PromptRow[]): Statement {
  return statement(version, 'upsert_prompts', UPSERT_PROMPTS, [
    textArray(rows.map((row) => row.tenant)),
    textArray(rows.map((row) => row.promptId)),
    instantArray(rows.map((row) => row.createdAt)),
    textArray(rows.map((row) => row.createdPosition)),
    textArray(rows.map((row) => row.position)),
    textArray(rows.map((row) => JSON.stringify(sorted(row.labels)))),
    textArray(rows.map((row) => row.sealed)),
  ]);
}

export function insertVersions(version: number, rows: readonly PromptVersionRow[]): Statement {
  return statement(version, 'insert_versions', INSERT_VERSIONS, [
    textArray(rows.map((row) => row.tenant)),
    textArray(rows.map((row) => row.promptId)),
    intArray(rows.map((row) => row.version)),
    instantArray(rows.map((row) => row.createdAt)),
    textArray(rows.map((row) => JSON.stringify(row.variables))),
    textArray(rows.map((row) => row.sealed)),
  ]);
}

export function upsertBenchmarks(version: number, rows: readonly BenchmarkRow[]): Statement {
  return statement(version, 'upsert_benchmarks', UPSERT_BENCHMARKS, [
    textArray(rows.map((row) => row.tenant)),
    textArray(rows.map(({ data }) => data.name)),
    textArray(rows.map(({ data }) => data.costPerUsableClip.currency)),
    bigintArray(rows.map(({ data }) => data.costPerUsableClip.amountMinor)),
    textArray(rows.map(({ data }) => data.qualityBar.usableRate)),
    instantArray(rows.map(({ data }) => fromIso(data.decidedAt))),
    textArray(rows.map((row) => row.position)),
  ]);
}

function sorted(labels: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function statement(version: number, name: string, text: string, values: unknown[]): Statement {
  return { name: `briefs_v${version}_${name}`, text: versioned(text, version), values };
}
