// query · an attempt's row as the clip that clients see, and as a line of the log; called by the queries of this folder.
import { type Decimal, formatDecimal, type Money, parseDecimal, toIso } from '#libs/kernel';
import type { TextSealer } from '#libs/event-store';
import { type AttemptRecord, type ClipFigures, type ClipView, clipView } from '#libs/studio';
import type { Attempt, ClipPart } from './attempt-row.js';

/** What the ledger and the asset keeper know of a clip. */
export function figuresOf(attempt: Attempt): ClipFigures {
  const generationCosts = Object.entries(attempt.ledgerCost)
    .map(([currency, minor]): Money => ({ currency, amountMinor: roundedMinor(minor) }))
    .sort((a, b) => (a.currency < b.currency ? -1 : 1));
  return {
    assetUrl: attempt.storedUrl ?? attempt.assetUrl,
    creditsUsed: Number(attempt.creditsUsed),
    generationCost: generationCosts.length === 1 ? (generationCosts[0] as Money) : null,
    generationCosts,
  };
}

/** A clip that there is. */
export type Clip = Attempt & { clip: ClipPart };

export function viewOfClip(attempt: Clip, position: string, opener: TextSealer | null): ClipView {
  const { state, sealed } = attempt.clip;
  const notes = new Map(Object.entries(sealed).map(([revision, text]) => [Number(revision), noteOf(text, opener)]));
  return { ...clipView(state, notes, position, figuresOf(attempt)), promptVersionId: attempt.promptVersionId };
}

function noteOf(sealed: string, opener: TextSealer | null): string | null {
  const note = opener?.open(sealed)['note'];
  return typeof note === 'string' ? note : null;
}

export function recordOfAttempt(attempt: Attempt): AttemptRecord {
  const state = attempt.state ?? 'generation_failed';
  return {
    id: attempt.clipId,
    brief_id: attempt.briefId,
    prompt_id: attempt.promptId,
    prompt_version: attempt.promptVersion,
    model: attempt.model,
    duration_seconds: attempt.durationSeconds,
    credits_used: attempt.creditsUsed,
    generation_cost_usd: dollarsOf(attempt),
    asset_url: attempt.storedUrl ?? attempt.assetUrl,
    status: state,
    rejection_reason: attempt.reasons[0] ?? null,
    review_minutes: sum(attempt.reviewMinutes, attempt.brandReviewMinutes),
    editing_minutes: attempt.editingMinutes,
    published: state === 'published',
    created_at: attempt.clip?.state.imported?.created_at ?? toIso(attempt.createdAt),
  };
}

/** What was paid: credits that nobody paid for cost nothing. Null where some of it was paid in another currency. */
function dollarsOf({ ledgerCost }: Attempt): string | null {
  const currencies = Object.keys(ledgerCost);
  if (currencies.length === 0) return '0';
  if (currencies.length > 1 || currencies[0] !== 'USD') return null;
  const { sign, value } = signedOf(ledgerCost['USD'] as string);
  return sign + formatDecimal({ digits: value.digits, scale: value.scale + 2 });
}

function sum(a: string, b: string): string {
  if (b === '0') return a;
  if (a === '0') return b;
  const [x, y] = [signedOf(a).value, signedOf(b).value];
  const scale = Math.max(x.scale, y.scale);
  return formatDecimal({ digits: x.digits * 10n ** BigInt(scale - x.scale) + y.digits * 10n ** BigInt(scale - y.scale), scale });
}

/** Half up, away from zero below it. */
function roundedMinor(minor: string): number {
  const { sign, value } = signedOf(minor);
  const unit = 10n ** BigInt(value.scale);
  const rounded = Number((2n * value.digits + unit) / (2n * unit));
  return sign === '-' && rounded !== 0 ? -rounded : rounded;
}

function signedOf(text: string): { sign: '' | '-'; value: Decimal } {
  const sign = text.startsWith('-') ? '-' : '';
  const value = parseDecimal(text.slice(sign.length), { integerDigitsMax: 64, fractionDigitsMax: 64 });
  return { sign, value: value ?? { digits: 0n, scale: 0 } };
}
