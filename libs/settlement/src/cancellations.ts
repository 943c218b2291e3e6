// 1 → 2 → 3 · carries a customer's wish to stop a task; where nothing runs yet, the task and its reservation end in one append.
import { invariant, isRefusal } from '#libs/kernel';
import {
  EventStoreUnavailable,
  KEY_CONFLICT,
  tenantStream,
  type CommandMeta,
  type EventStore,
  type Executed,
  type KeyedCommands,
  type Position,
  type RecordedCommand,
  type RequestContext,
  type Sessions,
  type StreamAppend,
  type WriteResult,
} from '#libs/event-store';
import type { AccountState, LedgerContextOf } from '#libs/ledger';
import {
  cancellationOutcome,
  decideTask,
  evolveTask,
  heldFigures,
  isOver,
  taskView,
  type TaskFact,
  type TaskFigures,
  type TaskState,
  type TaskView,
} from '#libs/tasks';
import { ledgerDecision, taskNewFacts } from './ledger-decisions.js';
import type { Settlements } from './settlements.js';
import { reusedKey, unrecordedRefusal } from './submission.answers.js';
import { endingCommand } from './task-endings.js';
import { figuresFromHold, figuresOf, noSuchTask, notIndexedYet, type TaskLedger, type TaskSeen } from './task-ledger.js';

export interface CancellationView {
  outcome: 'done' | 'requested' | 'too_late';
  task: TaskView;
}

export interface EndingParts {
  store: EventStore;
  accounts: Sessions<AccountState>;
  keyed: KeyedCommands;
  contextOf: LedgerContextOf;
  settlements: Settlements;
  ledger: TaskLedger;
}

/** How often a task that moves under the command is looked at again. */
const ATTEMPTS_MAX = 20;

export class Cancellations {
  constructor(private readonly parts: EndingParts) {}

  async cancel(context: RequestContext, taskId: string, reason: string | null): Promise<WriteResult<CancellationView>> {
    const seen = await this.parts.ledger.find(context, taskId);
    if (seen === null) return unrecordedRefusal(noSuchTask());
    return this.parts.keyed.run<CancellationView>(context, {
      execute: ({ meta }) => this.execute(seen, reason, meta),
      replay: (recorded) => this.replay(seen, context.tenant, recorded),
    });
  }

  private async execute(first: TaskSeen, reason: string | null, meta: CommandMeta): Promise<Executed<CancellationView>> {
    let seen = first;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const decision = decideTask(seen.state, { type: 'RequestCancellation', reason }, seen.at);
      if (isRefusal(decision)) return unrecordedRefusal(decision);
      if (!Array.isArray(decision)) return this.unchanged(seen, meta.tenant);
      const answer = await this.write(seen, decision, meta);
      if (answer !== null) return answer;
      seen = await this.parts.ledger.see(seen.stream);
    }
    throw new EventStoreUnavailable(`${first.stream} changed under ${ATTEMPTS_MAX} attempts`);
  }

  /** Null when the task has moved on meanwhile. */
  private async write(seen: TaskSeen, facts: readonly TaskFact[], meta: CommandMeta): Promise<Executed<CancellationView> | null> {
    const own = { stream: seen.stream, expectedRevision: seen.revision, facts: taskNewFacts(facts) };
    const state = facts.reduce(evolveTask, seen.state);
    const revision = seen.revision + facts.length;
    if (!isOver(state)) {
      const appended = await this.parts.store.append({ meta, appends: [own] });
      if (!appended.ok) return appended.conflict === 'key' ? KEY_CONFLICT : null;
      return this.answer(meta.tenant, state, heldFigures(state.credits), revision, appended.position);
    }
    // Ended here and now: the account gives the credits back in the very append that ends the task.
    if (!this.parts.store.atomicAcrossStreams) return this.endInTurn(state, own, meta);
    const command = endingCommand(state);
    invariant(command !== null, () => `${state.taskId} ended as ${state.status} with nothing to settle`);
    const account = tenantStream('account', meta.tenant, state.accountId);
    const outcome = await this.parts.accounts.execute(account, meta, ledgerDecision(command, this.parts.contextOf, meta, [own]));
    switch (outcome.kind) {
      case 'appended': {
        const figures = figuresFromHold(state, outcome.result);
        return this.answer(meta.tenant, state, figures, revision, outcome.position);
      }
      case 'companion_conflict':
        return null;
      case 'key_conflict':
        return KEY_CONFLICT;
      case 'unchanged':
        // Only another ending can have settled it: the task is over by now.
        return null;
      case 'refused':
        return invariant(false, () => `the cancellation of ${state.taskId} was refused: ${outcome.refusal.detail}`) as never;
    }
  }

  /**
   * Where the store does not write both streams as one: the ending first, because it is what nothing may overtake, then the refund, which the
   * orchestrator makes good after a crash in between. A refund first would give back the credits of a task that was just dispatched.
   */
  private async endInTurn(state: TaskState, own: StreamAppend, meta: CommandMeta): Promise<Executed<CancellationView> | null> {
    const appended = await this.parts.store.append({ meta, appends: [own] });
    if (!appended.ok) return appended.conflict === 'key' ? KEY_CONFLICT : null;
    const revision = own.expectedRevision + own.facts.length;
    const settled = await this.parts.settlements.settleFromLog(meta.tenant, state.taskId, null);
    // Somebody else was quicker with it: the ledger's facts say what the answer needs.
    if (settled.position === null) return this.current(own.stream, state, revision, meta.tenant);
    return this.answer(meta.tenant, state, figuresFromHold(state, settled.facts), revision, settled.position);
  }

  /** Over already, or asked for before: nothing to write, and the ledger's own facts say what it cost. */
  private async unchanged({ stream, state, revision }: TaskSeen, tenant: string): Promise<Executed<CancellationView>> {
    if (isOver(state)) await this.parts.settlements.settleFromLog(tenant, state.taskId, null);
    const result = await this.current(stream, state, revision, tenant);
    return result.ok ? { unchanged: { stream, revision }, result } : result;
  }

  private async current(
    stream: string,
    state: TaskState,
    revision: number,
    tenant: string,
    until?: Position,
  ): Promise<WriteResult<CancellationView>> {
    const [facts, [last]] = await Promise.all([
      this.parts.ledger.factsOf(tenant, state, until),
      this.parts.store.readStream(stream, { fromRevision: revision, limit: 1 }),
    ]);
    if (facts === null) return unrecordedRefusal(notIndexedYet());
    const positions = [...facts, last].map((fact) => fact?.position ?? '');
    const position = positions.reduce((latest, each) => (each > latest ? each : latest));
    return this.answer(tenant, state, figuresOf(state.taskId, facts), revision, position);
  }

  private async replay({ stream }: TaskSeen, tenant: string, recorded: RecordedCommand): Promise<WriteResult<CancellationView>> {
    const revision = recorded.revisionOn(stream);
    if (revision === null) return unrecordedRefusal(reusedKey());
    const state = await this.parts.ledger.seenAt(stream, revision);
    const { position } = recorded;
    if (recorded.facts[0]?.type === 'RequestClaimed') return this.current(stream, state, revision, tenant, position);
    if (isOver(state) && !this.parts.store.atomicAcrossStreams) {
      await this.parts.settlements.settleFromLog(tenant, state.taskId, null);
      return this.current(stream, state, revision, tenant);
    }
    const facts = recorded.facts.filter((fact) => fact.stream !== stream);
    const figures = isOver(state) ? figuresFromHold(state, facts) : heldFigures(state.credits);
    return this.answer(tenant, state, figures, revision, position);
  }

  private async answer(
    tenant: string,
    state: TaskState,
    figures: TaskFigures,
    revision: number,
    position: Position,
  ): Promise<WriteResult<CancellationView>> {
    const texts = await this.parts.ledger.textsOf(tenant, state);
    const view = { outcome: cancellationOutcome(state), task: taskView(state, figures, texts, { revision, position }) };
    return { ok: true, view, position, replayed: false };
  }
}
