// 1 → 2 · makes prompts and their versions, and moves their labels; what they decide is the decider's.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { ErasableRef } from '#libs/kernel';
import { tenantStream, type WriteResult } from '#libs/event-store';
import { STUDIO_ID_PATTERN } from '../checks.js';
import { AddPromptVersion, CreatePrompt, MovePromptLabel } from '../studio.messages.js';
import { StudioTexts } from '../studio.texts.js';
import type { PromptVersionView, PromptView } from '../studio.views.js';
import { PROMPT_WRITES } from '../studio.tokens.js';
import { commandIdFor, type StudioAnswer, type StudioWrites } from '../studio.writes.js';
import { ofTheTenant } from '../visibility.js';
import { checkPrompt, decideAddVersion, decideCreatePrompt, decideMoveLabel, noSuchPrompt } from './prompt.decider.js';
import type { PromptState, PromptVersionState } from './prompt.state.js';
import { promptVersionView, promptView } from './prompt.view.js';
import { checkTemplate } from './template.js';

abstract class PromptHandler {
  constructor(
    @Inject(PROMPT_WRITES) protected readonly writes: StudioWrites<PromptState>,
    @Inject(StudioTexts) protected readonly texts: StudioTexts,
  ) {}

  protected async view(tenant: string, { state, position }: StudioAnswer<PromptState>): Promise<PromptView> {
    return promptView(state, await this.texts.ofPrompt(tenant, state), position);
  }
}

@CommandHandler(CreatePrompt)
export class CreatePromptHandler extends PromptHandler implements ICommandHandler<CreatePrompt> {
  async execute({ context, input }: CreatePrompt): Promise<WriteResult<PromptView>> {
    const { tenant } = context;
    const promptId = input.id ?? `prompt_${commandIdFor(context)}`;
    if (context.accounts !== null) return { ok: false, ...ofTheTenant() };
    const refusal = checkPrompt(promptId, input);
    if (refusal !== null) return { ok: false, ...refusal };
    const { name, template } = input;
    return this.writes.run<PromptView>(context, {
      stream: tenantStream('prompt', tenant, promptId),
      erasable: { accountId: '', values: { name, template } },
      decide: (state, at, refs) => {
        const texts = { name: refs['name'] as ErasableRef, template: refs['template'] as ErasableRef, templateText: template };
        return decideCreatePrompt(state, promptId, texts, at);
      },
      render: (answer) => this.view(tenant, answer),
    });
  }
}

@CommandHandler(AddPromptVersion)
export class AddPromptVersionHandler extends PromptHandler implements ICommandHandler<AddPromptVersion> {
  async execute({ context, promptId, input }: AddPromptVersion): Promise<WriteResult<PromptVersionView>> {
    const { tenant } = context;
    if (context.accounts !== null) return { ok: false, ...ofTheTenant() };
    if (!STUDIO_ID_PATTERN.test(promptId)) return { ok: false, ...noSuchPrompt() };
    const { template } = input;
    const refusal = checkTemplate(template);
    if (refusal !== null) return { ok: false, ...refusal };
    return this.writes.run<PromptVersionView>(context, {
      stream: tenantStream('prompt', tenant, promptId),
      erasable: { accountId: '', values: { template } },
      decide: (state, at, refs) => decideAddVersion(state, { template: refs['template'] as ErasableRef, templateText: template }, at),
      render: async ({ state, position }) => {
        const added = state.versions.at(-1) as PromptVersionState;
        return { ...promptVersionView(promptId, added, await this.texts.ofVersion(tenant, promptId, added)), position };
      },
    });
  }
}

@CommandHandler(MovePromptLabel)
export class MovePromptLabelHandler extends PromptHandler implements ICommandHandler<MovePromptLabel> {
  async execute({ context, promptId, label, input }: MovePromptLabel): Promise<WriteResult<PromptView>> {
    const { tenant } = context;
    if (context.accounts !== null) return { ok: false, ...ofTheTenant() };
    if (!STUDIO_ID_PATTERN.test(promptId)) return { ok: false, ...noSuchPrompt() };
    return this.writes.run<PromptView>(context, {
      stream: tenantStream('prompt', tenant, promptId),
      decide: (state, at) => decideMoveLabel(state, label, input.version, at),
      render: (answer) => this.view(tenant, answer),
    });
  }
}
