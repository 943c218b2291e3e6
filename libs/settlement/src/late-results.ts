// 1 → 2 → 3 · lets a customer take a late result at the quoted price: the charge and its acceptance stand in one append, so neither is without the other.
import { commandIdOf, invariant, isRefusal, keyDigest, toIso } from '#libs/kernel';
import {
  EventStoreUnavailable,
  KEY_CONFLICT,
  NO_STREAM,
  tenantStream,
  type CommandMeta,
  type Executed,
  type Position,
  type RecordedCommand,
  type RequestContext,
  type StreamAppend,
  type WriteResult,
} from '#libs/event-store';
import type { AccountCommand } from '#libs/ledger';
import { decideTask, evolveTask, taskView, type TaskFact, type TaskFigures, type TaskState, type TaskView } from '#libs/tasks';
import type { EndingParts } from './cancellations.js';
import { lateReservationId } from './late-reservation.js';
import { ledgerDecision, taskNewFacts } from './ledger-decisions.js';
import { isKept, problemOf, refusalOf, requestNewFact, type RequestFact } from './request.facts.js';
import { recordedRefusal, reusedKey, unrecordedRefusal } from './submission.answers.js';
import { deliveryOf } from './task-endings.js';
import { figuresOf, noSuchTask, notIndexedYet, type TaskSeen } from './task-ledger.js';

const ATTEMPTS_MAX = 20;

export class LateResults {
  constructor(private readonly parts: EndingParts) {}

  async accept(context: RequestContext, taskId: string): Promise<WriteResult<TaskView>> {
    const seen = await this.parts.ledger.find(context, taskId);
    if (seen === null) return unrecordedRefusal(noSuchTask());
    return this.parts.keyed.run<TaskView>(context, {
      execute: ({ meta }) => this.execute(context, seen, meta),
      replay: (recorded) => this.replay(seen, context.tenant, recorded),
    });
  }

  private async execute(context: RequestContext, first: TaskSeen, meta: CommandMeta): Promise<Executed<TaskView>> {
    let seen = first;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { state, stream, revision } = seen;
      const decision = decideTask(state, { type: 'AcceptLateResult', reservationId: lateReservationId(state.taskId) }, seen.at);
      if (isRefusal(decision)) return unrecordedRefusal(decision);
      if (!Array.isArray(decision)) {
        const result = await this.current(stream, state, revision, meta.tenant);
        return result.ok ? { unchanged: { stream, revision }, result } : result;
      }
      const answer = await this.take(context, seen, decision, meta);
      if (answer !== null) return answer;
      seen = await this.parts.ledger.see(stream);
    }
    throw new EventStoreUnavailable(`${first.stream} changed under ${ATTEMPTS_MAX} attempts`);
  }

  /** Null when the task has moved on meanwhile. */
  private async take(
    context: RequestContext,
    seen: TaskSeen,
    facts: readonly TaskFact[],
    meta: CommandMeta,
  ): Promise<Executed<TaskView> | null> {
    const { state, stream, revision } = seen;
    // What the task held comes back before it is asked for again.
    await this.parts.settlements.settleFromLog(meta.tenant, state.taskId, null);
    const companion = { stream, expectedRevision: revision, facts: taskNewFacts(facts) };
    if (!this.parts.store.atomicAcrossStreams) return this.takeInTurn(context, seen, companion, meta);
    const account = tenantStream('account', meta.tenant, state.accountId);
    const decide = ledgerDecision(takeCommand(state), this.parts.contextOf, meta, [companion]);
    const outcome = await this.parts.accounts.execute(account, meta, decide);
    switch (outcome.kind) {
      case 'appended':
        return this.current(stream, facts.reduce(evolveTask, state), revision + facts.length, meta.tenant, outcome.position);
      case 'refused':
        if (meta.keyDigest === undefined || !isKept(outcome.refusal)) return unrecordedRefusal(outcome.refusal);
        return this.record(context, outcome.refusal, seen.at, meta);
      case 'companion_conflict':
      case 'unchanged':
        return null;
      case 'key_conflict':
        return KEY_CONFLICT;
    }
  }

  /**
   * Where the store does not write both streams as one: the charge first, once for good under a key of its own, so that no second acceptance
   * is charged again; then the acceptance. A crash in between leaves a charge whose acceptance this request again, or the healer, writes.
   */
  private async takeInTurn(
    context: RequestContext,
    { state, stream, revision, at }: TaskSeen,
    acceptance: StreamAppend,
    meta: CommandMeta,
  ): Promise<Executed<TaskView> | null> {
    const { tenant } = meta;
    const digest = keyDigest(tenant, '', `late-result ${state.taskId}`);
    const charge: CommandMeta = { ...meta, commandId: commandIdOf(digest), keyDigest: digest };
    const isCharged = (await this.parts.store.findByKeyDigests([digest])).size > 0;
    if (!isCharged) {
      const account = tenantStream('account', tenant, state.accountId);
      const outcome = await this.parts.accounts.execute(account, charge, ledgerDecision(takeCommand(state), this.parts.contextOf, charge));
      if (outcome.kind === 'refused') {
        if (meta.keyDigest === undefined || !isKept(outcome.refusal)) return unrecordedRefusal(outcome.refusal);
        return this.record(context, outcome.refusal, at, meta);
      }
    }
    const appended = await this.parts.store.append({ meta, appends: [acceptance] });
    if (!appended.ok) return appended.conflict === 'key' ? KEY_CONFLICT : null;
    const now = acceptance.facts.reduce((folded, fact) => evolveTask(folded, fact as unknown as TaskFact), state);
    return this.current(stream, now, revision + acceptance.facts.length, tenant, appended.position);
  }

  /** A 402 under a key is an answer for good; it has no stream of its own but the request's. */
  private async record(
    context: RequestContext,
    refusal: Parameters<typeof problemOf>[0],
    at: number,
    meta: CommandMeta,
  ): Promise<Executed<TaskView>> {
    const fact: RequestFact = {
      type: 'RequestRefused',
      data: { path: context.path, problem: problemOf(refusal), texts: {}, decidedAt: toIso(at) },
    };
    const stream = tenantStream('request', meta.tenant, meta.commandId);
    const appended = await this.parts.store.append({
      meta,
      appends: [{ stream, expectedRevision: NO_STREAM, facts: [requestNewFact(fact)] }],
    });
    return appended.ok ? recordedRefusal(refusal, appended.position) : KEY_CONFLICT;
  }

  private async replay({ stream }: TaskSeen, tenant: string, recorded: RecordedCommand): Promise<WriteResult<TaskView>> {
    const first = recorded.facts[0] as unknown as RequestFact;
    if (first.type === 'RequestRefused') return recordedRefusal(refusalOf(first.data.problem), recorded.position);
    const revision = recorded.revisionOn(stream);
    if (revision === null) return unrecordedRefusal(reusedKey());
    return this.current(stream, await this.parts.ledger.seenAt(stream, revision), revision, tenant, recorded.position);
  }

  /** The task as of a position (default: now), with what the ledger's facts up to there say. */
  private async current(
    stream: string,
    state: TaskState,
    revision: number,
    tenant: string,
    until?: Position,
  ): Promise<WriteResult<TaskView>> {
    const [facts, [last], texts] = await Promise.all([
      this.parts.ledger.factsOf(tenant, state, until),
      this.parts.store.readStream(stream, { fromRevision: revision, limit: 1 }),
      this.parts.ledger.textsOf(tenant, state),
    ]);
    if (facts === null) return unrecordedRefusal(notIndexedYet());
    const figures: TaskFigures = figuresOf(state.taskId, facts);
    const positions = [...facts, last].map((fact) => fact?.position ?? '');
    const position = positions.reduce((latest, each) => (each > latest ? each : latest));
    return { ok: true, view: taskView(state, figures, texts, { revision, position }), position, replayed: false };
  }
}

/** At the quoted price, whatever plan the account is on by now: the work is done. Its cost was booked when it arrived. */
function takeCommand(task: TaskState): AccountCommand {
  const { taskId, model, priceVersion, credits, late } = task;
  invariant(late !== null, () => `${taskId} has no late result`);
  return {
    type: 'TakeLateResult',
    request: {
      reservationId: lateReservationId(taskId),
      taskId,
      model,
      priceVersion,
      credits,
      minimumPlan: '',
      minimumPlanRank: -Infinity,
      quote: null,
    },
    ...deliveryOf(late.deliveredFraction),
    providerCost: [],
  };
}
