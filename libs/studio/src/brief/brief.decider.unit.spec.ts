// Shows what a brief must say, what it is fit for, and how its attempts are counted.
import { describe, expect, it } from '@jest/globals';
import { isRefusal } from '#libs/kernel';
import type { BriefInput } from '../studio.messages.js';
import { BRIEF } from '../testing/studio-world.js';
import { briefTexts, checkBrief, decideCreateBrief, decideReadyBrief, decideReturnAttempts, decideTakeAttempts } from './brief.decider.js';
import type { BriefFact, Level } from './brief.facts.js';
import { evolveBrief, noBrief, type BriefState } from './brief.state.js';
import { briefSnapshot } from './brief.snapshot.js';
import { suggestedUse } from './suggested-use.js';

const AT = Date.parse('2026-11-21T12:00:00Z');
const REFS = { goal: { $erasable: 'g' } };
const given = (...facts: BriefFact[]): BriefState => facts.reduce(evolveBrief, noBrief());
const created = (input: Partial<BriefInput> = {}): BriefFact => {
  const decision = decideCreateBrief(noBrief(), 'bf_1', { ...BRIEF, ...input }, REFS, AT);
  if (isRefusal(decision)) throw new Error(decision.detail);
  return decision[0]!;
};
const pointers = (input: Partial<BriefInput>, id = 'bf_1'): string[] =>
  ((checkBrief(id, { ...BRIEF, ...input })?.fields?.['errors'] ?? []) as Array<{ pointer: string }>).map(({ pointer }) => pointer);

describe('the suggested use', () => {
  it.each<[Level, Level, string]>([
    ['low', 'low', 'good production test'],
    ['low', 'high', 'drafts, variants, partial shots'],
    ['high', 'low', 'strict human review only'],
    ['high', 'high', 'keep traditional production primary'],
  ])('of risk %s and consistency %s is: %s', (risk, consistency, use) => expect(suggestedUse(risk, consistency)).toBe(use));
});

describe('a brief', () => {
  it('is made with what it says, and defaults for what it leaves out', () => {
    const { goal, mustInclude: _in, mustAvoid: _out, ...words } = BRIEF;
    expect(created({ mustInclude: [], mustAvoid: [] })).toEqual({
      type: 'BriefCreated',
      data: {
        ...words,
        briefId: 'bf_1',
        accountId: null,
        durationSeconds: '6',
        goal: REFS.goal,
        mustInclude: null,
        mustAvoid: null,
        campaign: null,
        paid: false,
        sensitiveCategories: [],
        attemptBudget: null,
        gates: [],
        autoReview: false,
        decidedAt: '2026-11-21T12:00:00.000Z',
      },
    });
    expect(briefTexts({ ...BRIEF, mustInclude: [], mustAvoid: ['logos'] })).toEqual({ goal, mustAvoid: ['logos'] });
  });

  it('keeps a fraction of a second exactly', () => {
    expect(created({ durationSeconds: 7.5 })).toMatchObject({ data: { durationSeconds: '7.5' } });
  });

  it('is made once', () => {
    expect(decideCreateBrief(given(created()), 'bf_1', BRIEF, REFS, AT)).toMatchObject({ code: 'already_exists' });
  });

  it('names all that is wrong with it', () => {
    const wrong: Array<[Partial<BriefInput>, string]> = [
      [{ channel: '' }, '/channel'],
      [{ format: ' ' }, '/format'],
      [{ format: 'a\u0000b' }, '/format'],
      [{ durationSeconds: 0 }, '/durationSeconds'],
      [{ durationSeconds: -1 }, '/durationSeconds'],
      [{ durationSeconds: 86_401 }, '/durationSeconds'],
      [{ durationSeconds: Number.NaN }, '/durationSeconds'],
      [{ goal: 'x'.repeat(2_001) }, '/goal'],
      [{ mustInclude: ['fine', ''] }, '/mustInclude/1'],
      [{ mustAvoid: Array.from({ length: 51 }, () => 'x') }, '/mustAvoid'],
      [{ riskLevel: 'medium' as Level }, '/riskLevel'],
      [{ consistencyRequirement: 'none' as Level }, '/consistencyRequirement'],
      [{ campaign: '' }, '/campaign'],
      [{ sensitiveCategories: ['x'.repeat(101)] }, '/sensitiveCategories/0'],
      [{ attemptBudget: 0 }, '/attemptBudget'],
      [{ attemptBudget: 10_001 }, '/attemptBudget'],
      [{ attemptBudget: 1.5 }, '/attemptBudget'],
      [{ gates: ['brand_fit', 'vibes' as 'logos'] }, '/gates/1'],
      [{ gates: ['logos', 'logos'] }, '/gates'],
    ];
    for (const [input, at] of wrong) expect(pointers(input)).toEqual([at]);
    for (const id of ['', '-x', 'a/b', 'x'.repeat(101), 'a@v1']) expect(pointers({}, id)).toEqual(['/id']);
    expect(pointers({ attemptBudget: 10_000 }, 'bf_2025.001-a')).toEqual([]);
  });
});

describe('a ready brief', () => {
  const ready = { promptId: 'pr_1', promptVersion: 2, variables: null };

  it('may be made ready again, each time a revision of its own; attempts are none', () => {
    const state = given(created({ attemptBudget: 5 }));
    const first = decideReadyBrief(state, ready, AT) as BriefFact[];
    expect(first).toMatchObject([{ type: 'BriefReadied', data: { ...ready, revision: 1 } }]);
    first.reduce(evolveBrief, state);
    (decideTakeAttempts(state, ['task_1', 'task_2'], AT) as BriefFact[]).reduce(evolveBrief, state);
    const second = decideReadyBrief(state, { ...ready, promptVersion: 3 }, AT) as BriefFact[];
    second.reduce(evolveBrief, state);
    expect([state.revision, state.readyAt, state.facts]).toEqual([2, 4, 5]);
  });

  it('needs a brief', () => expect(decideReadyBrief(noBrief(), ready, AT)).toMatchObject({ code: 'not_found' }));
});

describe('attempts', () => {
  it('are taken all or none', () => {
    const state = given(created({ attemptBudget: 2 }));
    expect(decideTakeAttempts(state, ['t1', 't2', 't3'], AT)).toMatchObject({
      code: 'attempt_budget_exhausted',
      fields: { attemptBudget: 2, attemptsUsed: 0 },
    });
    expect(decideTakeAttempts(state, ['t1', 't2', 't1'], AT)).toMatchObject([{ data: { used: 1 } }, { data: { used: 2 } }]);
  });

  it('come back once, and only where they were taken', () => {
    const state = given(created({ attemptBudget: 2 }));
    (decideTakeAttempts(state, ['t1', 't2'], AT) as BriefFact[]).reduce(evolveBrief, state);
    const returned = decideReturnAttempts(state, ['t1', 't1', 't9'], AT);
    expect(returned).toMatchObject([{ type: 'BriefAttemptReturned', data: { taskId: 't1', used: 1 } }]);
    returned.reduce(evolveBrief, state);
    expect(decideReturnAttempts(state, ['t1'], AT)).toEqual([]);
    expect([...state.attempts.keys()]).toEqual(['t2']);
    expect(decideReturnAttempts(noBrief(), ['t1'], AT)).toEqual([]);
  });
});

describe('a snapshot', () => {
  it('is the state, whole', () => {
    const state = given(created({ attemptBudget: 3 }));
    (decideTakeAttempts(state, ['t1', 't2'], AT) as BriefFact[]).reduce(evolveBrief, state);
    (decideReadyBrief(state, { promptId: 'pr_1', promptVersion: 2, variables: null }, AT) as BriefFact[]).reduce(evolveBrief, state);
    const kept = JSON.parse(JSON.stringify(briefSnapshot.encode(state))) as never;
    expect(briefSnapshot.decode(kept)).toEqual(state);
    expect(briefSnapshot.decode(JSON.parse(JSON.stringify(briefSnapshot.encode(noBrief()))) as never)).toEqual(noBrief());
  });
});
