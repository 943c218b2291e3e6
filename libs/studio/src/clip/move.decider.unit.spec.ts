// Shows each rule of a review: where a clip may go, what a move must say, and who may make it.
import { describe, expect, it } from '@jest/globals';
import { isRefusal } from '#libs/kernel';
import type { MoveInput } from '../studio.messages.js';
import type { ClipFact, ImportedAttempt } from './clip.facts.js';
import { clipGeneratedFacts } from './clip-generated.js';
import { evolveClip, type ClipState } from './clip.state.js';
import { clipView } from './clip.view.js';
import { decideMove, possibleMoves, reviewTerms, type ReviewTerms } from './move.decider.js';
import { isSamePerson, personOf } from './person.js';
import { LOG_STATES, MOVES, REVIEW_STATES, type AttemptState, type ReviewState } from './review-states.js';

const AT = Date.parse('2026-11-21T12:00:00Z');
const STRICT: ReviewTerms = { gates: [], twoPeople: true };

const BRIEF = { briefId: 'bf_1', briefRevision: 1, promptId: 'pr_1', promptVersion: 2, promptVersionId: 'pr_1@v2', budgeted: false };
const fold = (facts: readonly ClipFact[]): ClipState =>
  facts.reduce<ClipState | null>((state, fact) => evolveClip(state, fact), null) as ClipState;
const generated = (autoReview = false): ClipState =>
  fold(
    clipGeneratedFacts({
      ...{ taskId: 'task_00ff', accountId: 'acc_1', brief: { ...BRIEF, autoReview }, model: 'm', at: AT },
      asset: { url: 'https://cdn.test/1.mp4', mediaType: 'video/mp4', durationSeconds: '5.04' },
    }),
  );
const LINE: ImportedAttempt = {
  ...{ id: 'gen_1', brief_id: 'bf_1', prompt_id: 'pr_003', prompt_version: 'v2', model: 'm', duration_seconds: '6', credits_used: '42' },
  ...{ generation_cost_usd: '0.845', asset_url: 's3://x/1.mp4', status: 'brand_review', rejection_reason: null, review_minutes: '3.5' },
  ...{ editing_minutes: '1', published: false, created_at: '2026-05-21T12:00:00Z' },
};
const imported = (status: AttemptState, person = 'key_ana'): ClipState =>
  fold([
    { type: 'AttemptImported', data: { clipId: 'gen_1', attempt: { ...LINE, status }, person, decidedAt: '2026-11-21T12:00:00.000Z' } },
  ]);

/** What a move into the state must say. */
const SAID: Partial<Record<ReviewState, Partial<MoveInput>>> = {
  rejected_quality: { reasons: ['artifact_or_distortion'] },
  rejected_accuracy: { reasons: ['product_detail_wrong'] },
  rejected_rights_risk: { reasons: ['rights_or_likeness_risk'] },
  rejected_brand_fit: { reasons: ['brand_mismatch'] },
  needs_revision: { reasons: ['needs_editing'] },
  scheduled: { scheduledAt: '2026-12-01T09:00:00Z' },
  published: { publishedUrl: 'https://x.test/1' },
};
type Moved = ReturnType<typeof decideMove>;
const move = (
  clip: ClipState | null,
  to: ReviewState,
  input: Partial<MoveInput> = {},
  person = 'key_ana',
  terms: ReviewTerms | null = null,
): Moved => decideMove(clip, { to, revision: clip?.revision ?? 0, ...SAID[to], ...input }, { person, note: null, terms }, AT);
const walk = (clip: ClipState, ...steps: Array<ReviewState | [ReviewState, string]>): ClipState => {
  for (const step of steps) {
    const [to, person] = typeof step === 'string' ? [step, 'key_ana'] : step;
    const decision = move(clip, to, {}, person);
    if (isRefusal(decision)) throw new Error(`${to}: ${decision.detail}`);
    evolveClip(clip, decision[0]!);
  }
  return clip;
};
const REVIEWED = ['review_pending', 'approved_for_edit', 'edited', 'brand_review'] as const;
const codeOf = (decision: Moved): string => (isRefusal(decision) ? decision.code : 'ok');
const pointers = (decision: Moved): string[] =>
  ((isRefusal(decision) ? (decision.fields?.['errors'] ?? []) : []) as Array<{ pointer: string }>).map(({ pointer }) => pointer);

describe('a move', () => {
  const cases = [...REVIEW_STATES, ...LOG_STATES].flatMap((from) => REVIEW_STATES.map((to) => [from, to] as const));
  it('leads only where the table says, from every state', () => {
    for (const [from, to] of cases) {
      const isLegal = ((MOVES as Partial<Record<AttemptState, readonly ReviewState[]>>)[from] ?? []).includes(to);
      const decision = move(imported(from), to);
      expect([from, to, codeOf(decision)]).toEqual([from, to, isLegal ? 'ok' : 'conflict']);
      if (isRefusal(decision)) expect(decision.fields?.['possibleMoves']).toEqual(possibleMoves(from));
    }
  });

  it('of an older revision, or of one to come, is stale', () => {
    for (const revision of [-1, 1])
      expect(move(generated(), 'review_pending', { revision })).toMatchObject({
        code: 'conflict',
        fields: { revision: 0, state: 'generated', possibleMoves: ['review_pending'] },
      });
  });

  it('needs a clip', () => expect(codeOf(move(null, 'review_pending'))).toBe('not_found'));

  it('is a fact that says what it was', () => {
    const type = (clip: ClipState, to: ReviewState): unknown => (move(clip, to) as ClipFact[])[0]?.type;
    expect(type(generated(), 'review_pending')).toBe('ClipMoved');
    expect(type(imported('review_pending'), 'rejected_quality')).toBe('ClipRejected');
    expect(type(imported('brand_review'), 'rejected_brand_fit')).toBe('ClipRejected');
    expect(type(imported('brand_review'), 'needs_revision')).toBe('ClipMoved');
    expect(type(imported('brand_review'), 'approved_to_publish')).toBe('ClipApproved');
    expect(type(imported('approved_to_publish'), 'scheduled')).toBe('ClipScheduled');
    expect(type(imported('scheduled'), 'published')).toBe('ClipPublished');
  });
});

describe('what a move says', () => {
  it('is a reason, wherever it rejects or asks for a revision, and nowhere else', () => {
    for (const to of MOVES.review_pending.slice(1)) {
      expect(pointers(move(imported('review_pending'), to, { reasons: [] }))).toEqual(['/reasons']);
      expect(pointers(move(imported('review_pending'), to, { reasons: ['ugly' as 'other'] }))).toEqual(['/reasons/0']);
    }
    for (const to of ['rejected_brand_fit', 'needs_revision'] as const)
      expect(pointers(move(imported('brand_review'), to, { reasons: [] }))).toEqual(['/reasons']);
    expect(pointers(move(imported('review_pending'), 'approved_for_edit', { reasons: ['too_generic'] }))).toEqual(['/reasons']);
    expect(
      move(imported('review_pending'), 'rejected_quality', { reasons: ['too_generic', 'too_generic', 'other'], note: 'dull' }),
    ).toMatchObject([{ data: { reasons: ['too_generic', 'other'] } }]);
  });

  it('is a note where the reason is another', () => {
    const other = (note?: string): Moved =>
      move(imported('review_pending'), 'rejected_quality', { reasons: ['other'], ...(note === undefined ? {} : { note }) });
    expect(pointers(other())).toEqual(['/note']);
    expect(pointers(other(''))).toEqual(['/note']);
    expect(pointers(other('  '))[0]).toBe('/note');
    expect(codeOf(other('the hands'))).toBe('ok');
    expect(pointers(other('x'.repeat(2_001)))).toEqual(['/note']);
  });

  it('is when, for what is scheduled, and where, for what is published by hand', () => {
    const approved = imported('approved_to_publish');
    expect(pointers(decideMove(approved, { to: 'scheduled', revision: 0 }, { person: 'p', note: null, terms: null }, AT))).toEqual([
      '/scheduledAt',
    ]);
    for (const scheduledAt of ['soon', '2026-12-01', '2026-02-30T00:00:00Z', '2026-12-01T25:00:00Z'])
      expect(pointers(move(approved, 'scheduled', { scheduledAt }))).toEqual(['/scheduledAt']);
    expect(pointers(decideMove(approved, { to: 'published', revision: 0 }, { person: 'p', note: null, terms: null }, AT))).toEqual([
      '/publishedUrl',
    ]);
    for (const publishedUrl of [
      '',
      'x.test',
      'ftp://x.test',
      'javascript:alert(1)',
      'https://',
      'http:///x',
      `https://x.test/${'x'.repeat(2_048)}`,
    ])
      expect(pointers(move(approved, 'published', { publishedUrl }))).toEqual(['/publishedUrl']);
    const scheduled = imported('scheduled');
    expect(codeOf(decideMove(scheduled, { to: 'published', revision: 0 }, { person: 'p', note: null, terms: null }, AT))).toBe('ok');
    expect(pointers(move(generated(), 'review_pending', { publishedUrl: 'https://x.test', scheduledAt: '2026-12-01T09:00:00Z' }))).toEqual([
      '/scheduledAt',
      '/publishedUrl',
    ]);
  });

  it('is minutes, exactly, added up over its history', () => {
    for (const minutes of [-0.1, Number.NaN, Number.POSITIVE_INFINITY, 1_000_001])
      expect(pointers(move(generated(), 'review_pending', { reviewMinutes: minutes }))).toEqual(['/reviewMinutes']);
    const clip = imported('brand_review');
    for (const [to, minutes] of [
      ['needs_revision', 0.1],
      ['edited', 0.2],
      ['brand_review', 0.3],
    ] as const)
      evolveClip(clip, (move(clip, to, { reviewMinutes: minutes, brandReviewMinutes: 1, editingMinutes: minutes }) as ClipFact[])[0]!);
    expect([clip.reviewMinutes, clip.brandReviewMinutes, clip.editingMinutes]).toEqual(['4.1', '3', '1.6']);
  });

  it('keeps the reasons of the last rejection until it is approved', () => {
    const clip = walk(generated(), ...REVIEWED, 'needs_revision', 'edited', 'brand_review');
    expect(clip.reasons).toEqual(['needs_editing']);
    expect(walk(clip, 'approved_to_publish').reasons).toEqual([]);
  });
});

describe('gates', () => {
  const gated: ReviewTerms = { gates: ['brand_fit', 'music'], twoPeople: false };
  const clip = (): ClipState => walk(generated(), ...REVIEWED);

  it('are confirmed one by one with the final approval', () => {
    expect(move(clip(), 'approved_to_publish', {}, 'key_ana', gated)).toMatchObject({
      code: 'conflict',
      fields: { missingGates: ['brand_fit', 'music'] },
    });
    expect(move(clip(), 'approved_to_publish', { gates: { brand_fit: true, music: false } }, 'key_ana', gated)).toMatchObject({
      fields: { missingGates: ['music'] },
    });
    expect(move(clip(), 'approved_to_publish', { gates: { music: true, brand_fit: true } }, 'key_ana', gated)).toMatchObject([
      { data: { gates: ['brand_fit', 'music'] } },
    ]);
    expect(pointers(move(clip(), 'approved_to_publish', { gates: { vibes: true } as object }, 'key_ana', gated))).toEqual(['/gates/vibes']);
  });

  it('are no matter of other moves, nor of a brief that is not known', () => {
    expect(codeOf(move(clip(), 'needs_revision', {}, 'key_ana', gated))).toBe('ok');
    expect(codeOf(move(clip(), 'approved_to_publish'))).toBe('ok');
  });
});

describe('four eyes', () => {
  it('are asked for by a brief of high risk, paid, or of a sensitive category', () => {
    const terms = (changes: object): boolean | undefined =>
      reviewTerms({ content: { riskLevel: 'low', paid: false, sensitiveCategories: [], gates: [], ...changes } as never })?.twoPeople;
    expect([terms({}), terms({ riskLevel: 'high' }), terms({ paid: true }), terms({ sensitiveCategories: ['health'] })]).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(reviewTerms({ content: null })).toBeNull();
  });

  it('are two: who approved it in review is not the one who lets it be published', () => {
    const clip = walk(generated(), 'review_pending', ['approved_for_edit', 'key_ana'], 'edited', 'brand_review');
    expect(codeOf(move(clip, 'approved_to_publish', {}, 'key_ana', STRICT))).toBe('forbidden');
    expect(codeOf(move(clip, 'approved_to_publish', {}, 'key_ben', STRICT))).toBe('ok');
    expect(codeOf(move(clip, 'approved_to_publish', {}, 'key_ana', { gates: [], twoPeople: false }))).toBe('ok');
    expect(codeOf(move(clip, 'approved_to_publish', {}, 'key_ana'))).toBe('ok');
  });

  it('do not forget the review for a revision in between', () => {
    const clip = walk(generated(), 'review_pending', ['approved_for_edit', 'reviewer:Ana'], 'edited', 'brand_review');
    walk(clip, ['needs_revision', 'key_ben'], ['edited', 'key_ben'], ['brand_review', 'key_ben']);
    expect(codeOf(move(clip, 'approved_to_publish', {}, 'reviewer:ANA', STRICT))).toBe('forbidden');
    expect(codeOf(move(clip, 'approved_to_publish', {}, 'key_ben', STRICT))).toBe('ok');
  });

  it('count the importing key as what its line says that it did', () => {
    expect(codeOf(move(imported('brand_review'), 'approved_to_publish', {}, 'key_ana', STRICT))).toBe('forbidden');
    expect(codeOf(move(imported('brand_review'), 'approved_to_publish', {}, 'key_ben', STRICT))).toBe('ok');
    const pending = walk(imported('review_pending'), ['approved_for_edit', 'key_ben'], 'edited', 'brand_review');
    expect(codeOf(move(pending, 'approved_to_publish', {}, 'key_ana', STRICT))).toBe('ok');
    expect(codeOf(move(imported('approved_to_publish'), 'published', {}, 'key_ana', STRICT))).toBe('forbidden');
    expect(codeOf(move(imported('approved_to_publish'), 'scheduled', {}, 'key_ana', STRICT))).toBe('forbidden');
    expect(codeOf(move(imported('scheduled'), 'published', {}, 'key_ben', STRICT))).toBe('ok');
    expect(codeOf(move(imported('approved_to_publish'), 'published', {}, 'key_ana'))).toBe('ok');
  });

  it('tell people apart by name, however it is written', () => {
    expect(personOf('key_1', undefined)).toBe('key_1');
    expect(personOf('key_1', '  Ana   María ')).toBe('reviewer:Ana María');
    for (const [a, b] of [
      ['Ana', 'ANA'],
      ['José', 'Jose\u0301'],
      ['ﬁona', 'FIONA'],
      ['Straße', 'STRASSE'],
    ] as const)
      expect(isSamePerson(personOf('k', a) as string, personOf('k', b) as string)).toBe(true);
    expect(isSamePerson('key_1', 'reviewer:key_1')).toBe(false);
    for (const name of ['', '  ', 'A\u200bna', 'Ana\u202e', 'x'.repeat(201)])
      expect(personOf('key_1', name)).toMatchObject({ code: 'validation_failed', fields: { errors: [{ pointer: '/reviewer' }] } });
  });
});

describe('how a clip comes to be', () => {
  it('follows from its task, and waits for review at once where its brief says so', () => {
    expect(generated()).toMatchObject({
      clipId: 'clip_00ff',
      taskId: 'task_00ff',
      state: 'generated',
      revision: 0,
      promptVersionId: 'pr_1@v2',
    });
    expect(generated(true)).toMatchObject({ state: 'review_pending', revision: 1 });
    expect(generated(true).history.map(({ to, person }) => [to, person])).toEqual([
      ['generated', 'orchestrator'],
      ['review_pending', 'orchestrator'],
    ]);
  });

  it('is an import at the state that its line has, with the cost that it says, to the cent', () => {
    expect(clipView(imported('brand_review'), new Map(), 'p')).toMatchObject({
      id: 'gen_1',
      taskId: null,
      accountId: null,
      briefId: 'bf_1',
      promptVersionId: 'pr_003@v2',
      assetUrl: 's3://x/1.mp4',
      state: 'brand_review',
      reviewMinutes: 3.5,
      editingMinutes: 1,
      creditsUsed: 42,
      generationCost: { currency: 'USD', amountMinor: 85 },
      possibleMoves: MOVES.brand_review,
      createdAt: '2026-05-21T12:00:00.000Z',
      history: [{ from: null, to: 'brand_review', person: 'key_ana', at: '2026-11-21T12:00:00.000Z' }],
    });
  });
});
