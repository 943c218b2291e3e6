// 2 decide · what a prompt's facts add up to; folded by its sessions and by read models.
import { invariant, type Decider } from '#libs/kernel';
import type { PromptFact } from './prompt.facts.js';

export interface PromptVersionState {
  version: number;
  variables: string[];
  createdAt: string;
  /** The stream's revision of the fact where its template is sealed. */
  revision: number;
}

export interface PromptState {
  /** Null where there is no such prompt. */
  promptId: string | null;
  createdAt: string;
  /** By number, from 1. */
  versions: PromptVersionState[];
  labels: Map<string, number>;
  /** How many facts were folded: the stream's next revision. */
  facts: number;
}

export function noPrompt(): PromptState {
  return { promptId: null, createdAt: '', versions: [], labels: new Map(), facts: 0 };
}

export function evolvePrompt(state: PromptState, fact: PromptFact): PromptState {
  switch (fact.type) {
    case 'PromptCreated':
      state.promptId = fact.data.promptId;
      state.createdAt = fact.data.decidedAt;
      break;
    case 'PromptVersionAdded': {
      const { version, variables, decidedAt, promptId } = fact.data;
      invariant(
        version === state.versions.length + 1,
        () => `version ${version} of prompt ${promptId} follows on ${state.versions.length}`,
      );
      state.versions.push({ version, variables, createdAt: decidedAt, revision: state.facts });
      break;
    }
    case 'PromptLabelMoved':
      state.labels.set(fact.data.label, fact.data.version);
      break;
  }
  state.facts += 1;
  return state;
}

/** A number, `v<n>`, or a label; null where it names none. */
export function versionOf(state: PromptState, named: number | string): PromptVersionState | null {
  const number = typeof named === 'number' ? named : numberOf(named);
  const version = number ?? state.labels.get(named as string);
  return version === undefined ? null : (state.versions[version - 1] ?? null);
}

/** Of `2` or `v2`; null for a label. */
export function numberOf(named: string): number | null {
  const digits = /^v?(\d{1,9})$/.exec(named)?.[1];
  return digits === undefined ? null : Number(digits);
}

export const promptDecider: Decider<PromptState, PromptFact> = { category: 'prompt', initial: noPrompt, evolve: evolvePrompt };
