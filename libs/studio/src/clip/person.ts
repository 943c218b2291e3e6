// 2 decide · who took a decision: the API key, or one of the people behind it; and whether two decisions are one person's.
import type { Refusal } from '#libs/kernel';
import { invalid } from '../checks.js';

const NAME_CHARACTERS_MAX = 200;
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}]/u;

/** `actor`: the API key's id. `reviewer`: as the move names one where one key serves many people. */
export function personOf(actor: string, reviewer: string | undefined): string | Refusal<'validation_failed'> {
  if (reviewer === undefined) return actor;
  const name = reviewer.normalize('NFKC').trim().replace(/\s+/g, ' ');
  // A name that differs from another's only by what nobody sees would be a second person who is none.
  if (name === '' || name.length > NAME_CHARACTERS_MAX || UNSEEN.test(name))
    return invalid('/reviewer', `must have 1 to ${NAME_CHARACTERS_MAX} visible characters`);
  return `reviewer:${name}`;
}

export function isSamePerson(a: string, b: string): boolean {
  return folded(a) === folded(b);
}

/** Upper case first: it folds what lower case alone keeps apart (ß and SS). */
function folded(person: string): string {
  return person.normalize('NFKC').toUpperCase().toLowerCase();
}
