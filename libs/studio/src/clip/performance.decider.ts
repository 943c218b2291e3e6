// 2 decide · how a published clip did: a note, or figures; called by the handler of performance notes.
import { refuse, toIso, type ErasableRef, type InstantMs, type Refusal } from '#libs/kernel';
import { refuseFields, type FieldError } from '#libs/catalogue';
import { isWhole, textErrors } from '../checks.js';
import type { NoteClipPerformance } from '../studio.messages.js';
import type { ClipFact } from './clip.facts.js';
import type { ClipState } from './clip.state.js';
import { noSuchClip, possibleMoves } from './move.decider.js';

const NOTE_CHARACTERS_MAX = 2_000;
const FIGURES = ['views', 'clicks', 'spendMinor'] as const;

export function decidePerformance(
  clip: ClipState | null,
  input: NoteClipPerformance['input'],
  by: { person: string; note: ErasableRef | null },
  at: InstantMs,
): ClipFact[] | Refusal<'not_found' | 'validation_failed' | 'conflict'> {
  if (clip === null) return noSuchClip();
  const errors: FieldError[] = [];
  if (input.note !== undefined) errors.push(...textErrors(input.note, '/note', NOTE_CHARACTERS_MAX));
  for (const figure of FIGURES)
    if (input[figure] !== undefined && !isWhole(input[figure], 0, Number.MAX_SAFE_INTEGER))
      errors.push({ pointer: `/${figure}`, detail: 'must be a whole number of at least 0' });
  if (input.note === undefined && FIGURES.every((figure) => input[figure] === undefined))
    errors.push({ pointer: '', detail: 'must have a note, views, clicks or spendMinor' });
  if (errors.length > 0) return refuseFields(errors);
  if (clip.state !== 'published') {
    const moves = { state: clip.state, revision: clip.revision, possibleMoves: [...possibleMoves(clip.state)] };
    return refuse('conflict', `The clip is ${clip.state}: only a published one has a performance.`, moves);
  }
  const { clipId, accountId } = clip;
  const { views = null, clicks = null, spendMinor = null } = input;
  return [{ type: 'ClipPerformanceNoted', data: { clipId, accountId, ...by, views, clicks, spendMinor, decidedAt: toIso(at) } }];
}
