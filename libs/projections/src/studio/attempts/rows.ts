// 4 project · attempts as they stand in their table; called by project.ts, and by the queries that read them.
import { fromIso } from '#libs/kernel';
import { instantArray, textArray } from '../../engine/binary-arrays.js';
import { type Statement, versioned } from '../../engine/read-model.port.js';
import type { StoredFact } from '#libs/event-store';
import type { ClipFact } from '#libs/studio';
import { type Attempt, type AttemptRow, clipAttempt } from './attempt-row.js';
import { contributionOf, joined } from './cells.js';

export interface StoredAttempt {
  stream: string;
  tenant: string;
  position: string;
  document: string;
}

/** The row of each stream that has one: nested by the statement's own settings, so that tasks without a brief cost one probe each. */
const SELECT = 'SELECT stream, tenant, position, document FROM attempt_vN WHERE stream = ANY($1::text[])';

const COLUMNS = `stream, tenant, clip_id, account_id, brief_id, model, prompt_version, created_at, state, reasons, review_minutes,
  brand_review_minutes, editing_minutes, credits_used, unpriced_credits, ledger_cost, provider_cost, clip_created_at, waiting_since, position, document`;

const UPSERT = `
  INSERT INTO attempt_vN (${COLUMNS})
  SELECT stream, tenant, clip_id, account_id, brief_id, model, prompt_version, created_at, state, reasons, review_minutes::numeric,
         brand_review_minutes::numeric, editing_minutes::numeric, credits_used::numeric, unpriced_credits::numeric, ledger_cost, provider_cost,
         clip_created_at, waiting_since, position, document
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::text[],
                $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::timestamptz[], $19::timestamptz[],
                $20::text[], $21::text[]) AS t(${COLUMNS})
  ON CONFLICT (stream) DO UPDATE
    SET state = excluded.state, reasons = excluded.reasons, review_minutes = excluded.review_minutes,
        brand_review_minutes = excluded.brand_review_minutes, editing_minutes = excluded.editing_minutes, credits_used = excluded.credits_used,
        unpriced_credits = excluded.unpriced_credits, ledger_cost = excluded.ledger_cost, provider_cost = excluded.provider_cost,
        clip_created_at = excluded.clip_created_at, waiting_since = excluded.waiting_since, position = excluded.position,
        document = excluded.document`;

export function selectAttempts(version: number, streams: readonly string[]): Statement {
  return { name: `attempts_v${version}_select`, text: versioned(SELECT, version), values: [textArray(streams)] };
}

export function attemptRowOf({ stream, tenant, position, document }: StoredAttempt): AttemptRow {
  const attempt = attemptOf(document);
  return { stream, tenant, position, attempt, counted: contributionOf(attempt) };
}

export function upsertAttempts(version: number, rows: readonly AttemptRow[]): Statement {
  const attempts = rows.map(({ attempt }) => attempt);
  return {
    name: `attempts_v${version}_upsert`,
    text: versioned(UPSERT, version),
    values: [
      textArray(rows.map((row) => row.stream)),
      textArray(rows.map((row) => row.tenant)),
      textArray(attempts.map((attempt) => attempt.clipId)),
      textArray(attempts.map((attempt) => attempt.accountId ?? '')),
      textArray(attempts.map((attempt) => attempt.briefId)),
      textArray(attempts.map((attempt) => attempt.model)),
      textArray(attempts.map((attempt) => attempt.promptVersionId ?? '')),
      instantArray(attempts.map((attempt) => attempt.createdAt)),
      textArray(attempts.map((attempt) => attempt.state ?? '')),
      textArray(attempts.map((attempt) => joined(attempt.reasons))),
      textArray(attempts.map((attempt) => attempt.reviewMinutes)),
      textArray(attempts.map((attempt) => attempt.brandReviewMinutes)),
      textArray(attempts.map((attempt) => attempt.editingMinutes)),
      textArray(attempts.map((attempt) => attempt.creditsUsed)),
      textArray(attempts.map((attempt) => attempt.unpricedCredits)),
      textArray(attempts.map((attempt) => moneyOf(attempt.ledgerCost))),
      textArray(attempts.map((attempt) => moneyOf(attempt.providerCost))),
      instantArray(attempts.map((attempt) => (attempt.clip === null ? null : fromIso(attempt.clip.state.createdAt)))),
      instantArray(attempts.map((attempt) => attempt.clip?.waitingSince ?? null)),
      textArray(rows.map((row) => row.position)),
      textArray(attempts.map(documentOf)),
    ],
  };
}

function moneyOf(sums: Record<string, string>): string | null {
  return Object.keys(sums).length === 0 ? null : JSON.stringify(sums);
}

type Imported = Extract<ClipFact, { type: 'AttemptImported' }>;

/** An imported attempt that nobody has moved is nothing but its fact, and most of a long log is never moved. */
type Document = { imported: Imported['data']; position: string } | Attempt;

function documentOf(attempt: Attempt): string {
  const { clip, clipId } = attempt;
  const log = clip?.state.imported ?? null;
  if (clip === null || log === null || clip.state.revision > 0) return JSON.stringify(attempt);
  const { person, at, position } = clip.state.history[0] as (typeof clip.state.history)[number];
  const document: Document = { imported: { clipId, attempt: log, person, decidedAt: at }, position };
  return JSON.stringify(document);
}

export function attemptOf(text: string): Attempt {
  const document = JSON.parse(text) as Document;
  if (!('imported' in document)) return document;
  const { imported: data, position } = document;
  const fact: Pick<StoredFact, 'position'> & Imported = { type: 'AttemptImported', data, position };
  return clipAttempt(null, fact as unknown as StoredFact);
}
