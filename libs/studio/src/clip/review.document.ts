// Writes what docs/studio.md says of states, reasons, gates and uses from the tables in the code; its spec keeps the committed file equal to this.
import { LEVELS, type Level } from '../brief/brief.facts.js';
import { suggestedUse } from '../brief/suggested-use.js';
import { GATES } from './gates.js';
import { REJECTION_REASONS } from './rejection-reasons.js';
import { MOVES, REASONED_STATES, REVIEW_STATES, USABLE_STATES, type ReviewState } from './review-states.js';

/** Mermaid: what a move needs stands on its arrow. */
export function reviewDiagram(): string {
  const arrows = REVIEW_STATES.flatMap((from) => MOVES[from].map((to) => `    ${from} --> ${to}${labelOf(from, to)}`));
  const ends = REVIEW_STATES.filter((state) => MOVES[state].length === 0).map((state) => `    ${state} --> [*]`);
  const usable = REVIEW_STATES.filter((state) => USABLE_STATES.has(state)).join(',');
  return [
    '```mermaid',
    'stateDiagram-v2',
    '    [*] --> generated',
    ...arrows,
    ...ends,
    '    classDef usable font-weight:bold',
    `    class ${usable} usable`,
    '```',
  ].join('\n');
}

export function movesTable(): string {
  const rows = REVIEW_STATES.map((state) => [
    `\`${state}\``,
    MOVES[state].map((to) => `\`${to}\``).join(' ') || 'none: it is final',
    REASONED_STATES.has(state) ? 'yes' : '',
    USABLE_STATES.has(state) ? 'yes' : '',
  ]);
  return table(['state', 'possible moves', 'needs a reason', 'usable'], rows);
}

export function usesTable(): string {
  const capital = (level: Level): string => level[0]!.toUpperCase() + level.slice(1);
  const rows = LEVELS.flatMap((risk) => LEVELS.map((need) => [capital(risk), capital(need), suggestedUse(risk, need)]));
  return table(['risk', 'consistency needed', '`suggestedUse`'], rows);
}

/** Name of a block in the document → what stands in it. */
export const STUDIO_BLOCKS: Readonly<Record<string, () => string>> = {
  uses: usesTable,
  diagram: reviewDiagram,
  moves: movesTable,
  reasons: () => REJECTION_REASONS.map((reason) => `\`${reason}\``).join(' · '),
  gates: () => GATES.map((gate) => `\`${gate}\``).join(' · '),
};

function labelOf(from: ReviewState, to: ReviewState): string {
  if (REASONED_STATES.has(to)) return ': with a reason';
  if (to === 'approved_to_publish') return ': gates, second person';
  if (to === 'scheduled') return ': scheduledAt';
  return from === 'approved_to_publish' && to === 'published' ? ': publishedUrl' : '';
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
