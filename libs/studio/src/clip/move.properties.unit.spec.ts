// Moves clips at random, by several people, under briefs of every kind: whatever is tried, the rules of a review hold at every step.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRefusal, type ErasableRef } from '#libs/kernel';
import type { ClipFact, ImportedAttempt } from './clip.facts.js';
import { clipGeneratedFacts } from './clip-generated.js';
import { evolveClip, isUsable, type ClipState } from './clip.state.js';
import { GATES, type Gate } from './gates.js';
import { decideMove, possibleMoves, type ReviewTerms } from './move.decider.js';
import { isSamePerson } from './person.js';
import { REJECTION_REASONS } from './rejection-reasons.js';
import { MOVES, REASONED_STATES, REVIEW_STATES, type AttemptState, type ReviewState } from './review-states.js';
import type { MoveInput } from '../studio.messages.js';

const AT = Date.parse('2026-11-21T12:00:00Z');
const PEOPLE = ['key_ana', 'key_ben', 'reviewer:Ana', 'reviewer:ana', 'reviewer:Ben'];
/** As the contract draws it, apart from the code's table. */
const DRAWN = new Set(
  [
    ...['generated>review_pending', 'review_pending>approved_for_edit', 'approved_for_edit>edited', 'edited>brand_review'],
    ...['brand_review>approved_to_publish', 'approved_to_publish>scheduled', 'scheduled>published', 'approved_to_publish>published'],
    ...['review_pending>rejected_quality', 'review_pending>rejected_accuracy', 'review_pending>rejected_rights_risk'],
    ...['brand_review>rejected_brand_fit', 'brand_review>needs_revision', 'needs_revision>edited'],
  ].values(),
);

interface Try {
  clip: number;
  to: ReviewState;
  /** Chosen among the moves that there are, so that a walk gets far; else any state at all. */
  sensible: number | null;
  staleBy: number;
  person: string;
  reasons: MoveInput['reasons'];
  note: string | undefined;
  gates: Gate[];
  minutes: number;
  url: string | undefined;
  scheduledAt: string | undefined;
}

const aTry: fc.Arbitrary<Try> = fc.record({
  clip: fc.nat({ max: 3 }),
  to: fc.constantFrom(...REVIEW_STATES),
  sensible: fc.option(fc.nat({ max: 20 }), { freq: 8 }),
  staleBy: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -2, max: 2 }) }),
  person: fc.constantFrom(...PEOPLE),
  reasons: fc.option(fc.array(fc.constantFrom(...REJECTION_REASONS), { maxLength: 2 }), { nil: undefined }),
  note: fc.option(fc.constantFrom('', ' ', 'because'), { nil: undefined }),
  gates: fc.oneof(fc.constant<Gate[]>([...GATES]), fc.subarray<Gate>([...GATES])),
  minutes: fc.constantFrom(0, 0.1, 0.2, 3),
  url: fc.option(fc.constantFrom('https://x.test/1', 'ftp://x.test/1', 'javascript:alert(1)'), { nil: undefined }),
  scheduledAt: fc.option(fc.constantFrom('2026-12-01T00:00:00Z', 'soon'), { nil: undefined }),
});

const someTerms: fc.Arbitrary<ReviewTerms | null> = fc.option(
  fc.record({ gates: fc.subarray([...GATES], { maxLength: 2 }), twoPeople: fc.boolean() }),
  { freq: 6 },
);

const someBirth: fc.Arbitrary<{ terms: ReviewTerms | null; imported: AttemptState | null; autoReview: boolean; person: string }> =
  fc.record({
    terms: someTerms,
    imported: fc.option(fc.constantFrom<AttemptState>(...REVIEW_STATES, 'generation_failed', 'rejected'), { freq: 1 }),
    autoReview: fc.boolean(),
    person: fc.constantFrom(...PEOPLE),
  });

function born(
  index: number,
  { imported, autoReview, person }: { imported: AttemptState | null; autoReview: boolean; person: string },
): ClipState {
  const facts: ClipFact[] =
    imported === null
      ? clipGeneratedFacts({
          ...{ taskId: `task_${index}`, accountId: 'acc_1', model: 'm', at: AT },
          brief: {
            briefId: 'b',
            briefRevision: 0,
            promptId: null,
            promptVersion: null,
            promptVersionId: null,
            budgeted: false,
            autoReview,
          },
          asset: { url: 'https://cdn.test/1.mp4', mediaType: 'video/mp4', durationSeconds: null },
        })
      : [
          {
            type: 'AttemptImported',
            data: { clipId: `gen_${index}`, attempt: line(imported), person, decidedAt: '2026-11-21T12:00:00.000Z' },
          },
        ];
  let state: ClipState | null = null;
  for (const fact of facts) state = evolveClip(state, fact);
  return state as ClipState;
}

const line = (status: AttemptState): ImportedAttempt => ({
  ...{ id: 'gen_1', brief_id: 'b', prompt_id: 'p', prompt_version: 'v1', model: 'm', duration_seconds: '6', credits_used: '42' },
  ...{ generation_cost_usd: '0.84', asset_url: null, status, rejection_reason: REASONED_STATES.has(status) ? 'too_generic' : null },
  ...{ review_minutes: '3', editing_minutes: '0', published: status === 'published', created_at: '2026-05-21T12:00:00Z' },
});

function inputOf(clip: ClipState, { to, sensible, staleBy, reasons, note, gates, minutes, url, scheduledAt }: Try): MoveInput {
  const ways = possibleMoves(clip.state);
  const chosen = sensible === null || ways.length === 0 ? to : (ways[sensible % ways.length] as ReviewState);
  const input: MoveInput = { to: chosen, revision: clip.revision + staleBy, reviewMinutes: minutes };
  if (gates.length > 0) input.gates = Object.fromEntries(gates.map((gate) => [gate, true]));
  if (reasons !== undefined && (sensible === null || REASONED_STATES.has(chosen))) input.reasons = reasons;
  if (note !== undefined) input.note = note;
  if (url !== undefined && (sensible === null || chosen === 'published')) input.publishedUrl = url;
  if (scheduledAt !== undefined && (sensible === null || chosen === 'scheduled')) input.scheduledAt = scheduledAt;
  return input;
}

describe('clips moved at random', () => {
  it('never make an illegal move, never are rejected without a reason, never published by one person where two are needed, and are counted right', () => {
    const reached = new Map<AttemptState, number>();
    const refusals = new Map<string, number>();
    const property = fc.property(
      fc.array(someBirth, { minLength: 1, maxLength: 4 }),
      fc.array(aTry, { maxLength: 60, size: 'max' }),
      (births, tries) => {
        const clips = births.map((birth, index) => born(index, birth));
        let usable = usableOf(clips);
        for (const each of tries) {
          const index = each.clip % clips.length;
          const clip = clips[index] as ClipState;
          const { terms } = births[index]!;
          const { state: from, revision } = clip;
          const input = inputOf(clip, each);
          const note: ErasableRef | null = input.note === undefined || input.note === '' ? null : { $erasable: 'x' };
          const before = JSON.stringify(clip);
          const decision = decideMove(clip, input, { person: each.person, note, terms }, AT);
          check(JSON.stringify(clip) === before, 'a decision changed the clip by itself');
          if (isRefusal(decision)) {
            refusals.set(decision.code, (refusals.get(decision.code) ?? 0) + 1);
            const moves = JSON.stringify((MOVES as Partial<Record<AttemptState, readonly ReviewState[]>>)[from] ?? []);
            check(decision.code !== 'conflict' || JSON.stringify(decision.fields?.['possibleMoves']) === moves, 'possibleMoves');
            continue;
          }
          check(decision.length === 1, 'a move is one fact');
          evolveClip(clip, decision[0] as ClipFact);
          const { state: to } = clip;
          const move = clip.history.at(-1)!;
          check(DRAWN.has(`${from}>${to}`), `${from}>${to} is no move`);
          check(input.revision === revision && clip.revision === revision + 1, 'a stale decision');
          if (to.startsWith('rejected_') || to === 'needs_revision') {
            check(move.reasons.length > 0 && clip.reasons === move.reasons, 'a rejection without a reason');
            check(!move.reasons.includes('other') || (input.note ?? '').trim() !== '', 'another reason without a note');
          }
          if (to === 'approved_to_publish')
            check(
              (terms?.gates ?? []).every((gate) => move.gates.includes(gate)),
              'a gate was passed by',
            );
          if (to === 'published' && terms?.twoPeople === true) check(peopleBehind(clip) > 1, 'published by one person alone');
          if (to === 'published' && from === 'approved_to_publish') check(/^https?:/.test(clip.publishedUrl ?? ''), 'published nowhere');
          if (to === 'scheduled') check(clip.scheduledAt === '2026-12-01T00:00:00.000Z', 'scheduled for no time');
          reached.set(to, (reached.get(to) ?? 0) + 1);
          usable += Number(isUsable(to)) - Number(isUsable(from));
          check(usable === usableOf(clips), 'usable clips were counted wrong');
        }
      },
    );
    fc.assert(property, { numRuns: 300, seed: 20_261_121 });
    // The walks got everywhere, and met every kind of refusal.
    expect([...reached.keys()].sort()).toEqual(REVIEW_STATES.filter((state) => state !== 'generated').sort());
    expect([...refusals.keys()].sort()).toEqual(['conflict', 'forbidden', 'validation_failed']);
  });
});

/** Of those who approved it, let it be published or published it; an import says what its line says. */
function peopleBehind({ history }: ClipState): number {
  const approvals = history
    .filter(({ from, to }) => from === null || to === 'approved_for_edit' || isUsable(to))
    .map(({ person }) => person);
  return approvals.filter(
    (person, index) => approvals.findIndex((other) => isSamePerson(other, person)) === index && person !== 'orchestrator',
  ).length;
}

const usableOf = (clips: readonly ClipState[]): number =>
  clips.filter(({ state }) => ['approved_to_publish', 'scheduled', 'published'].includes(state)).length;

/** A matcher takes a hundred times as long, and this is asked of every step. */
function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
