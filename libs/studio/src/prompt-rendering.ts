// 1 → 2 · the text that a prompt version comes to: for who wants to see it, for a brief that is made ready, and for every task that names one.
import { isRefusal, type JsonObject, type Refusal } from '#libs/kernel';
import { tenantStream, type Sessions } from '#libs/event-store';
import { noSuchBrief } from './brief/brief.decider.js';
import type { BriefState } from './brief/brief.state.js';
import { STUDIO_ID_PATTERN, invalid } from './checks.js';
import { noSuchPrompt, noSuchVersion } from './prompt/prompt.decider.js';
import { versionOf, type PromptState, type PromptVersionState } from './prompt/prompt.state.js';
import { renderTemplate } from './prompt/template.js';
import { briefFields, defaultVariables, type StudioTexts } from './studio.texts.js';
import type { RenderView } from './studio.views.js';
import { maySee } from './visibility.js';

export interface Rendered {
  text: string;
  promptId: string;
  version: number;
  /** All that it was rendered with beside the brief's fields. */
  variables: JsonObject;
}

export class PromptRendering {
  constructor(
    private readonly briefs: Sessions<BriefState>,
    private readonly prompts: Sessions<PromptState>,
    private readonly texts: StudioTexts,
  ) {}

  /** `accounts`: what the caller's key may see, null for all. `version`: a number, `v<n>` or a label. Without `variables`, those given at the brief's `ready`. */
  async render(
    tenant: string,
    accounts: readonly string[] | null,
    promptId: string,
    version: number | string,
    wish: { briefId?: string | undefined; variables?: JsonObject | undefined } = {},
  ): Promise<RenderView | Refusal> {
    const brief = wish.briefId === undefined ? null : await this.brief(tenant, wish.briefId);
    if (wish.briefId !== undefined && (brief === null || !maySee(accounts, brief.content?.accountId ?? null))) return noSuchBrief();
    if (brief === null && accounts !== null) return noSuchPrompt();
    const rendered = await this.of(tenant, brief, promptId, version, wish.variables);
    if (isRefusal(rendered)) return rendered;
    return { text: rendered.text, promptId, version: rendered.version, briefRevision: brief?.revision ?? null };
  }

  /** A copy; null where there is none. */
  async brief(tenant: string, briefId: string): Promise<BriefState | null> {
    if (!STUDIO_ID_PATTERN.test(briefId)) return null;
    // Its attempts may be thousands, and nobody who renders needs them.
    return this.briefs.read(tenantStream('brief', tenant, briefId), (state) =>
      state.content === null ? null : { ...state, attempts: new Map<string, string>() },
    );
  }

  async of(
    tenant: string,
    brief: BriefState | null,
    promptId: string,
    version: number | string,
    variables: JsonObject | undefined,
  ): Promise<Rendered | Refusal<'not_found' | 'validation_failed'>> {
    const found = await this.version(tenant, promptId, version);
    if (isRefusal(found)) return found;
    const template = await this.texts.ofVersion(tenant, promptId, found);
    if (template === null) return invalid('/version', 'of the prompt has a text that was forgotten');
    const briefTexts = brief === null ? {} : await this.texts.ofBrief(tenant, brief);
    const fields = brief === null ? new Map() : briefFields(brief, briefTexts);
    const given: JsonObject = variables ?? defaultVariables(briefTexts, found.variables);
    const text = renderTemplate(template, fields, given);
    return isRefusal(text) ? text : { text, promptId, version: found.version, variables: given };
  }

  private async version(tenant: string, promptId: string, version: number | string): Promise<PromptVersionState | Refusal<'not_found'>> {
    if (!STUDIO_ID_PATTERN.test(promptId)) return noSuchPrompt();
    return this.prompts.read(tenantStream('prompt', tenant, promptId), (state) =>
      state.promptId === null ? noSuchPrompt() : (versionOf(state, version) ?? noSuchVersion()),
    );
  }
}
