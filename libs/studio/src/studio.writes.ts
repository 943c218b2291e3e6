// 1 → 3 · runs one command of a request on a stream of the studio: keyed, decided in its session, answered from the state after its facts.
import { invariant, isRefusal, newCommandId, commandIdOf, keyDigest, refuse, type Fact, type InstantMs } from '#libs/kernel';
import type { Refusal, Unchanged } from '#libs/kernel';
import {
  KEY_CONFLICT,
  type CommandMeta,
  type EventStore,
  type Executed,
  type KeyedCommand,
  type KeyedCommands,
  type Position,
  type PreparedCommand,
  type RequestContext,
  type Sessions,
  type WriteResult,
} from '#libs/event-store';
import { studioNewFacts } from './studio.new-facts.js';

/** What an answer is made of: the state after the command's facts, which the caller owns, and where they stand. */
export interface StudioAnswer<State> {
  state: State;
  revision: number;
  position: Position;
}

export interface StudioWrite<State, View> {
  stream: string;
  erasable?: KeyedCommand<View>['erasable'];
  /** Looks up what the decision needs of elsewhere, once; not asked for a replay. */
  before?(): Promise<Refusal | null>;
  /** Pure but for its arguments; may be asked several times. */
  decide(state: State, at: InstantMs, refs: PreparedCommand['refs']): Array<Fact<string, object>> | Unchanged | Refusal;
  render(answer: StudioAnswer<State>): Promise<View>;
}

export class StudioWrites<State> {
  constructor(
    readonly sessions: Sessions<State>,
    private readonly keyed: KeyedCommands,
    private readonly store: EventStore,
    private readonly versions: Readonly<Record<string, number>>,
  ) {}

  run<View>(context: RequestContext, write: StudioWrite<State, View>): Promise<WriteResult<View>> {
    const { stream, erasable = null } = write;
    return this.keyed.run<View>(context, {
      erasable,
      execute: (prepared) => this.execute(prepared, write),
      replay: async (recorded) => {
        const revision = recorded.revisionOn(stream);
        if (revision === null) return { ok: false, ...refuse('idempotency_key_reused', 'The key was used for something else.') };
        const { state, position } = await this.sessions.stateAt(stream, { revision });
        invariant(position !== null, () => `${stream} ends before revision ${revision}`);
        return { ok: true, view: await write.render({ state, revision, position }), position, replayed: true };
      },
    });
  }

  private async execute<View>(prepared: PreparedCommand, write: StudioWrite<State, View>): Promise<Executed<View>> {
    const { meta, refs, sealed } = prepared;
    const { stream } = write;
    const refusal = (await write.before?.()) ?? null;
    if (refusal !== null) return { ok: false, ...refusal };
    const outcome = await this.sessions.execute<State>(stream, meta, (state, at) => {
      const decision = write.decide(state, at, refs);
      if (isRefusal(decision)) return decision;
      // The session goes on folding in place: the answer needs the state as it stands now.
      if (!Array.isArray(decision)) return { unchanged: true, result: structuredClone(state) };
      return { facts: studioNewFacts(decision, this.versions, sealed), result: () => structuredClone(state) };
    });
    // The very command may have been carried out by another process since the key was looked for: then that is the answer.
    if ((outcome.kind === 'unchanged' || outcome.kind === 'refused') && (await this.stands(meta))) return KEY_CONFLICT;
    switch (outcome.kind) {
      case 'appended': {
        const { result: state, revision, position } = outcome;
        return { ok: true, view: await write.render({ state, revision, position }), position, replayed: false };
      }
      case 'unchanged': {
        const { result: state, revision } = outcome;
        const [last] = await this.store.readStream(stream, { fromRevision: revision, limit: 1 });
        invariant(last !== undefined, () => `${stream} has no revision ${revision}`);
        const { position } = last;
        const view = await write.render({ state, revision, position });
        return { unchanged: { stream, revision }, result: { ok: true, view, position, replayed: false } };
      }
      case 'refused':
        return { ok: false, ...outcome.refusal };
      case 'key_conflict':
        return KEY_CONFLICT;
      case 'companion_conflict':
        return invariant(false, 'a command of the studio has no companions') as never;
    }
  }

  private async stands({ keyDigest: digest }: CommandMeta): Promise<boolean> {
    return digest !== undefined && (await this.store.findByKeyDigests([digest])).size > 0;
  }
}

/** What is made without an id of its own is named after its command, so that a retry under the same key names the same. */
export function commandIdFor(context: RequestContext): string {
  return context.idempotencyKey === null ? newCommandId() : commandIdOf(keyDigest(context.tenant, context.idempotencyKey));
}
