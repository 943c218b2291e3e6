// 2 decide · every fact of a prompt's stream: numbered versions that never change, and labels that move between them.
import type { ErasableRef, Fact, Iso } from '#libs/kernel';

export type PromptFact =
  /** Followed by its first version in the same append. */
  | Fact<'PromptCreated', { promptId: string; name: ErasableRef; decidedAt: Iso }>
  | Fact<
      'PromptVersionAdded',
      {
        promptId: string;
        /** From 1, without a gap. */
        version: number;
        template: ErasableRef;
        /** The names of its variables, in the order of their first use. */
        variables: string[];
        decidedAt: Iso;
      }
    >
  | Fact<'PromptLabelMoved', { promptId: string; label: string; version: number; previous: number | null; decidedAt: Iso }>;

export const PROMPT_FACT_VERSIONS: Readonly<Record<PromptFact['type'], number>> = {
  PromptCreated: 1,
  PromptVersionAdded: 1,
  PromptLabelMoved: 1,
};

/** `prompt_1@v2`: the id of a version, a task's `promptVersionId`, and the key of a report's group. */
export function promptVersionId(promptId: string, version: number): string {
  return `${promptId}@v${version}`;
}

/** The same of a line of the log, which writes versions as `v2`; '' for a generation without a prompt of its own. */
export function loggedPromptVersion(line: { prompt_id: string; prompt_version: string }): string {
  return line.prompt_id === '' ? '' : `${line.prompt_id}@${line.prompt_version}`;
}
