// The prompt as clients see it (production.md); rendered from facts for a write's answer, from projected rows for a read.
import { invariant } from '#libs/kernel';
import type { PromptVersionView, PromptView } from '../studio.views.js';
import { promptVersionId } from './prompt.facts.js';
import type { PromptState, PromptVersionState } from './prompt.state.js';

/** `template`: opened; null where it cannot be. */
export function promptVersionView(
  promptId: string,
  { version, variables, createdAt }: PromptVersionState,
  template: string | null,
): Omit<PromptVersionView, 'position'> {
  return { promptId, version, id: promptVersionId(promptId, version), template, variables: [...variables], createdAt };
}

/** `templates`: version → text. */
export function promptView(
  state: PromptState,
  texts: { name: string | null; templates: ReadonlyMap<number, string | null> },
  position: string,
): PromptView {
  const { promptId, versions, labels, createdAt } = state;
  const newest = versions.at(-1);
  invariant(promptId !== null && newest !== undefined, 'a prompt that does not exist has no view');
  const shown = versions.map((version) => promptVersionView(promptId, version, texts.templates.get(version.version) ?? null));
  return {
    id: promptId,
    promptId,
    name: texts.name,
    version: newest.version,
    promptVersionId: promptVersionId(promptId, newest.version),
    template: texts.templates.get(newest.version) ?? null,
    variables: [...newest.variables],
    labels: Object.fromEntries([...labels].sort(([a], [b]) => (a < b ? -1 : 1))),
    versions: shown,
    createdAt,
    position,
  };
}
