// 1 → 2 · moves clips through their review and notes how they did; what they decide is the deciders'.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { invariant, isRefusal } from '#libs/kernel';
import { tenantStream, type EventStore, type RequestContext, type WriteResult } from '#libs/event-store';
import { EVENT_STORE } from '#libs/platform';
import { PromptRendering } from '../prompt-rendering.js';
import { STUDIO_ID_PATTERN } from '../checks.js';
import { MoveClip, NoteClipPerformance } from '../studio.messages.js';
import { StudioTexts } from '../studio.texts.js';
import { CLIP_WRITES } from '../studio.tokens.js';
import type { ClipView } from '../studio.views.js';
import type { StudioWrite, StudioWrites } from '../studio.writes.js';
import { maySee } from '../visibility.js';
import type { ClipFact } from './clip.facts.js';
import { evolveClip, type ClipState } from './clip.state.js';
import { clipView } from './clip.view.js';
import { decideMove, noSuchClip, reviewTerms, type ReviewTerms } from './move.decider.js';
import { decidePerformance } from './performance.decider.js';
import { personOf } from './person.js';

type Write = StudioWrite<ClipState | null, ClipView>;
type Said = { note?: string; reviewer?: string };

abstract class ClipHandler {
  constructor(
    @Inject(CLIP_WRITES) private readonly writes: StudioWrites<ClipState | null>,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(StudioTexts) private readonly texts: StudioTexts,
  ) {}

  protected async run(
    context: RequestContext,
    clipId: string,
    { note, reviewer }: Said,
    command: (person: string, clip: ClipState) => Pick<Write, 'before' | 'decide'>,
  ): Promise<WriteResult<ClipView>> {
    const { tenant, accounts } = context;
    if (!STUDIO_ID_PATTERN.test(clipId)) return { ok: false, ...noSuchClip() };
    const stream = tenantStream('clip', tenant, clipId);
    const clip = await this.writes.sessions.read(stream, (state) => structuredClone(state));
    if (clip === null || !maySee(accounts, clip.accountId)) return { ok: false, ...noSuchClip() };
    const person = personOf(context.actor, reviewer);
    if (isRefusal(person)) return { ok: false, ...person };
    return this.writes.run<ClipView>(context, {
      stream,
      erasable: note === undefined || note === '' ? null : { accountId: clip.accountId ?? '', values: { note } },
      ...command(person, clip),
      render: ({ revision, position }) => this.view(stream, revision, position),
    });
  }

  /** From the log: the history shows where each move stands. */
  private async view(stream: string, revision: number, position: string): Promise<ClipView> {
    const facts = await this.store.readStream(stream, { limit: revision + 1 });
    const notes = new Map<number, string | null>();
    let state: ClipState | null = null;
    for (const fact of facts) {
      state = evolveClip(state, { type: fact.type, data: fact.data } as unknown as ClipFact, fact.position);
      const { note } = await this.texts.open(fact, state.accountId ?? '');
      if (typeof note === 'string') notes.set(fact.revision, note);
    }
    invariant(state?.revision === revision, () => `${stream} ends before revision ${revision}`);
    return clipView(state, notes, position);
  }
}

@CommandHandler(MoveClip)
export class MoveClipHandler extends ClipHandler implements ICommandHandler<MoveClip> {
  constructor(
    @Inject(CLIP_WRITES) writes: StudioWrites<ClipState | null>,
    @Inject(EVENT_STORE) store: EventStore,
    @Inject(StudioTexts) texts: StudioTexts,
    @Inject(PromptRendering) private readonly rendering: PromptRendering,
  ) {
    super(writes, store, texts);
  }

  execute({ context, clipId, input }: MoveClip): Promise<WriteResult<ClipView>> {
    return this.run(context, clipId, input, (person, { briefId }) => {
      let terms: ReviewTerms | null = null;
      return {
        // What a brief demands never changes once it is made.
        before: async () => {
          const brief = await this.rendering.brief(context.tenant, briefId);
          terms = brief === null ? null : reviewTerms(brief);
          return null;
        },
        decide: (state, at, refs) => decideMove(state, input, { person, note: refs['note'] ?? null, terms }, at),
      };
    });
  }
}

@CommandHandler(NoteClipPerformance)
export class NoteClipPerformanceHandler extends ClipHandler implements ICommandHandler<NoteClipPerformance> {
  execute({ context, clipId, input }: NoteClipPerformance): Promise<WriteResult<ClipView>> {
    return this.run(context, clipId, input, (person) => ({
      decide: (state, at, refs) => decidePerformance(state, input, { person, note: refs['note'] ?? null }, at),
    }));
  }
}
