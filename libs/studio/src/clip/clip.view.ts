// The clip as clients see it (production.md); rendered from facts for a write's answer, from projected rows for a read.
import { decimal, floorDecimal, multiplyDecimals, addDecimals, parseDecimal, type Decimal, type Money } from '#libs/kernel';
import type { ClipFigures, ClipView } from '../studio.views.js';
import type { ImportedAttempt } from './clip.facts.js';
import type { ClipState } from './clip.state.js';
import { possibleMoves } from './move.decider.js';

/**
 * `notes`: revision of the fact → its note as opened. Without `figures`, what the clip's own facts know: the provider's asset URL and no cost,
 * or what the imported line says.
 */
export function clipView(
  state: ClipState,
  notes: ReadonlyMap<number, string | null>,
  position: string,
  figures: ClipFigures = ownFigures(state),
): ClipView {
  const { clipId, taskId, accountId, briefId, promptVersionId, model, revision, reasons, scheduledAt, publishedUrl, createdAt } = state;
  return {
    id: clipId,
    ...{ taskId, accountId, briefId, promptVersionId, model },
    assetUrl: figures.assetUrl,
    state: state.state,
    revision,
    reasons: [...reasons],
    ...minutesOf(state),
    creditsUsed: figures.creditsUsed,
    generationCost: figures.generationCost,
    generationCosts: figures.generationCosts,
    ...{ scheduledAt, publishedUrl },
    performance: state.performance.map(({ at, views, clicks, spendMinor, person, revision: noted }) => ({
      ...{ at, note: notes.get(noted) ?? null, views, clicks, spendMinor, person },
    })),
    possibleMoves: [...possibleMoves(state.state)],
    createdAt,
    history: state.history.map((move) => ({
      ...{ at: move.at, from: move.from, to: move.to, reasons: [...move.reasons], note: notes.get(move.revision) ?? null },
      ...minutesOf(move),
      ...{ person: move.person, gates: [...move.gates], scheduledAt: move.scheduledAt, publishedUrl: move.publishedUrl },
      ...{ revision: move.revision, position: move.position },
    })),
    position,
  };
}

/** Of an imported line: what it says, the cost rounded half up to the cent. */
export function importedFigures({ asset_url: assetUrl, credits_used, generation_cost_usd }: ImportedAttempt): ClipFigures {
  const cents = addDecimals(multiplyDecimals(exact(generation_cost_usd), decimal(100)), { digits: 5n, scale: 1 });
  const generationCost: Money = { currency: 'USD', amountMinor: Number(floorDecimal(cents)) };
  return { assetUrl, creditsUsed: Number(credits_used), generationCost, generationCosts: [generationCost] };
}

function ownFigures({ assetUrl, imported }: ClipState): ClipFigures {
  return imported === null ? { assetUrl, creditsUsed: 0, generationCost: null, generationCosts: [] } : importedFigures(imported);
}

type Minutes = Record<'reviewMinutes' | 'brandReviewMinutes' | 'editingMinutes', string>;

function minutesOf({ reviewMinutes, brandReviewMinutes, editingMinutes }: Minutes): Record<keyof Minutes, number> {
  return {
    reviewMinutes: Number(reviewMinutes),
    brandReviewMinutes: Number(brandReviewMinutes),
    editingMinutes: Number(editingMinutes),
  };
}

function exact(text: string): Decimal {
  return parseDecimal(text) ?? decimal(0);
}
