// 1 → 2 · makes briefs and makes them ready; what they decide is the decider's.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { isRefusal, type JsonObject } from '#libs/kernel';
import { NO_STREAM, tenantStream, type EventStore, type WriteResult } from '#libs/event-store';
import { ACCOUNT_ID_PATTERN } from '#libs/ledger';
import { EVENT_STORE } from '#libs/platform';
import { PromptRendering } from '../prompt-rendering.js';
import { CreateBrief, ReadyBrief } from '../studio.messages.js';
import { StudioTexts } from '../studio.texts.js';
import type { BriefView } from '../studio.views.js';
import { BRIEF_WRITES } from '../studio.tokens.js';
import { commandIdFor, type StudioAnswer, type StudioWrites } from '../studio.writes.js';
import { maySee, noSuchAccount } from '../visibility.js';
import { invalid } from '../checks.js';
import { briefTexts, checkBrief, decideCreateBrief, decideReadyBrief, noSuchBrief } from './brief.decider.js';
import type { BriefState } from './brief.state.js';
import { briefView } from './brief.view.js';

abstract class BriefHandler {
  constructor(
    @Inject(BRIEF_WRITES) protected readonly writes: StudioWrites<BriefState>,
    @Inject(StudioTexts) private readonly texts: StudioTexts,
  ) {}

  protected async view(tenant: string, { state, position }: StudioAnswer<BriefState>): Promise<BriefView> {
    return briefView(state, await this.texts.ofBrief(tenant, state), position);
  }
}

@CommandHandler(CreateBrief)
export class CreateBriefHandler extends BriefHandler implements ICommandHandler<CreateBrief> {
  constructor(
    @Inject(BRIEF_WRITES) writes: StudioWrites<BriefState>,
    @Inject(StudioTexts) texts: StudioTexts,
    @Inject(EVENT_STORE) private readonly store: Pick<EventStore, 'headsOf'>,
  ) {
    super(writes, texts);
  }

  async execute({ context, input }: CreateBrief): Promise<WriteResult<BriefView>> {
    const { tenant, accounts } = context;
    const briefId = input.id ?? `brief_${commandIdFor(context)}`;
    const refusal = checkBrief(briefId, input);
    if (refusal !== null) return { ok: false, ...refusal };
    const { accountId } = input;
    if (accountId === undefined && accounts !== null)
      return { ok: false, ...invalid('/accountId', 'is needed: the API key is bound to accounts') };
    // An account's key is made for its texts: nothing may be sealed for an account that does not exist.
    if (accountId !== undefined && !(maySee(accounts, accountId) && (await this.exists(tenant, accountId))))
      return { ok: false, ...noSuchAccount() };
    return this.writes.run<BriefView>(context, {
      stream: tenantStream('brief', tenant, briefId),
      erasable: { accountId: accountId ?? '', values: briefTexts(input) },
      decide: (state, at, refs) => decideCreateBrief(state, briefId, input, refs, at),
      render: (answer) => this.view(tenant, answer),
    });
  }

  private async exists(tenant: string, accountId: string): Promise<boolean> {
    if (!ACCOUNT_ID_PATTERN.test(accountId)) return false;
    const stream = tenantStream('account', tenant, accountId);
    return ((await this.store.headsOf([stream])).get(stream) ?? NO_STREAM) > NO_STREAM;
  }
}

@CommandHandler(ReadyBrief)
export class ReadyBriefHandler extends BriefHandler implements ICommandHandler<ReadyBrief> {
  constructor(
    @Inject(BRIEF_WRITES) writes: StudioWrites<BriefState>,
    @Inject(StudioTexts) texts: StudioTexts,
    @Inject(PromptRendering) private readonly rendering: PromptRendering,
  ) {
    super(writes, texts);
  }

  async execute({ context, briefId, input }: ReadyBrief): Promise<WriteResult<BriefView>> {
    const { tenant, accounts } = context;
    const brief = await this.rendering.brief(tenant, briefId);
    const content = brief?.content ?? null;
    if (content === null || !maySee(accounts, content.accountId)) return { ok: false, ...noSuchBrief() };
    const variables: JsonObject = input.variables ?? {};
    const { promptId } = input;
    let promptVersion = 0;
    return this.writes.run<BriefView>(context, {
      stream: tenantStream('brief', tenant, briefId),
      erasable: Object.keys(variables).length === 0 ? null : { accountId: content.accountId ?? '', values: { variables } },
      // A label may move meanwhile: what was rendered here is the version that the brief names.
      before: async () => {
        const rendered = await this.rendering.of(tenant, brief, promptId, input.promptVersion, variables);
        if (isRefusal(rendered)) return rendered;
        promptVersion = rendered.version;
        return null;
      },
      decide: (state, at, refs) => decideReadyBrief(state, { promptId, promptVersion, variables: refs['variables'] ?? null }, at),
      render: (answer) => this.view(tenant, answer),
    });
  }
}
