// 2 decide · how a prompt, its versions and its labels come to be; called by the prompt handlers.
import { refuse, toIso, UNCHANGED, type ErasableRef, type InstantMs, type Refusal, type Unchanged } from '#libs/kernel';
import { refuseFields, type FieldError } from '#libs/catalogue';
import { invalid, STUDIO_ID_PATTERN, textErrors } from '../checks.js';
import type { PromptFact } from './prompt.facts.js';
import { numberOf, type PromptState } from './prompt.state.js';
import { checkTemplate, parseTemplate, variablesOfTemplate, type TemplatePart } from './template.js';

export const LABEL_PATTERN = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const NAME_CHARACTERS_MAX = 200;
const VERSIONS_MAX = 10_000;

/** Null where nothing is wrong with it. */
export function checkPrompt(promptId: string, input: { name: string; template: string }): Refusal<'validation_failed'> | null {
  const errors: FieldError[] = [];
  if (!STUDIO_ID_PATTERN.test(promptId)) errors.push({ pointer: '/id', detail: `must match ${STUDIO_ID_PATTERN.source}` });
  errors.push(...textErrors(input.name, '/name', NAME_CHARACTERS_MAX));
  return errors.length > 0 ? refuseFields(errors) : checkTemplate(input.template);
}

/** The template was checked: its first version is made with it. */
export function decideCreatePrompt(
  state: PromptState,
  promptId: string,
  input: { name: ErasableRef; template: ErasableRef; templateText: string },
  at: InstantMs,
): PromptFact[] | Refusal<'already_exists'> {
  if (state.promptId !== null) return refuse('already_exists', `There is a prompt ${promptId} already.`);
  const decidedAt = toIso(at);
  const first = { promptId, version: 1, template: input.template, variables: variablesIn(input.templateText), decidedAt };
  return [
    { type: 'PromptCreated', data: { promptId, name: input.name, decidedAt } },
    { type: 'PromptVersionAdded', data: first },
  ];
}

/** Also where its text is that of the version before: versions are what was said, not what changed. */
export function decideAddVersion(
  state: PromptState,
  input: { template: ErasableRef; templateText: string },
  at: InstantMs,
): PromptFact[] | Refusal<'not_found' | 'conflict'> {
  if (state.promptId === null) return noSuchPrompt();
  const version = state.versions.length + 1;
  if (version > VERSIONS_MAX) return refuse('conflict', `A prompt has at most ${VERSIONS_MAX} versions.`);
  const { promptId } = state;
  const data = { promptId, version, template: input.template, variables: variablesIn(input.templateText), decidedAt: toIso(at) };
  return [{ type: 'PromptVersionAdded', data }];
}

export function decideMoveLabel(
  state: PromptState,
  label: string,
  version: number,
  at: InstantMs,
): PromptFact[] | Unchanged | Refusal<'not_found' | 'validation_failed'> {
  if (!LABEL_PATTERN.test(label) || numberOf(label) !== null)
    return invalid('/label', `must match ${LABEL_PATTERN.source} and be no version`);
  if (state.promptId === null) return noSuchPrompt();
  if (state.versions[version - 1] === undefined) return noSuchVersion();
  const previous = state.labels.get(label) ?? null;
  if (previous === version) return UNCHANGED;
  return [{ type: 'PromptLabelMoved', data: { promptId: state.promptId, label, version, previous, decidedAt: toIso(at) } }];
}

export function noSuchPrompt(): Refusal<'not_found'> {
  return refuse('not_found', 'There is no such prompt.');
}

export function noSuchVersion(): Refusal<'not_found'> {
  return refuse('not_found', 'The prompt has no such version.');
}

function variablesIn(template: string): string[] {
  return variablesOfTemplate(parseTemplate(template) as TemplatePart[]);
}
