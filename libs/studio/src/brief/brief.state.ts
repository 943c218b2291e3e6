// 2 decide · what a brief's facts add up to; folded by its sessions and by read models.
import type { Decider } from '#libs/kernel';
import type { BriefFact } from './brief.facts.js';

type Created = Extract<BriefFact, { type: 'BriefCreated' }>['data'];
type Readied = Extract<BriefFact, { type: 'BriefReadied' }>['data'];

export interface BriefState {
  /** Null where there is no such brief. */
  content: Created | null;
  /** The last word on it; null for a draft. */
  ready: Readied | null;
  /** Of its content, from 0. */
  revision: number;
  /** How many facts were folded: the stream's next revision. */
  facts: number;
  /** The stream's revision of `ready`, where its variables are sealed. */
  readyAt: number | null;
  /** Task → when its attempt was taken, in the order of the taking; only those that were not given back. */
  attempts: Map<string, string>;
}

export function noBrief(): BriefState {
  return { content: null, ready: null, revision: 0, facts: 0, readyAt: null, attempts: new Map() };
}

export function evolveBrief(state: BriefState, fact: BriefFact): BriefState {
  switch (fact.type) {
    case 'BriefCreated':
      state.content = fact.data;
      break;
    case 'BriefReadied':
      state.ready = fact.data;
      state.readyAt = state.facts;
      state.revision = fact.data.revision;
      break;
    case 'BriefAttemptTaken':
      state.attempts.set(fact.data.taskId, fact.data.decidedAt);
      break;
    case 'BriefAttemptReturned':
      state.attempts.delete(fact.data.taskId);
      break;
  }
  state.facts += 1;
  return state;
}

export const briefDecider: Decider<BriefState, BriefFact> = { category: 'brief', initial: noBrief, evolve: evolveBrief };
