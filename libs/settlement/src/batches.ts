// 1 → 2 → 3 · opens many tasks with one request: each on its own, or all of one account together or none. Called by the SubmitTaskBatch handler.
import { commandIdOf, invariant, isRefusal, keyDigest, refuse, toIso, type ErasableRef, type JsonValue, type Refusal } from '#libs/kernel';
import {
  commandMeta,
  EventStoreUnavailable,
  KEY_CONFLICT,
  NO_STREAM,
  POSITION_START,
  requestClaimed,
  SessionsOverloaded,
  tenantStream,
  type Executed,
  type Position,
  type PreparedCommand,
  type RecordedCommand,
  type RequestContext,
  type StoredFact,
  type WriteResult,
} from '#libs/event-store';
import { accountNewFacts, isVisible } from '#libs/ledger';
import type { BriefedTask } from '#libs/studio';
import {
  batchResult,
  isTransient,
  later,
  manyAccounts,
  ofEntry,
  taskIdAt,
  togetherResult,
  withoutTexts,
  type Answer,
  type BatchView,
} from './batch.answers.js';
import { BriefAttempts } from './brief-attempts.js';
import { holdsOf, interruptedAnswer } from './interrupted.answers.js';
import { isKept, problemOf, refusalOf, requestNewFact, type RequestFact } from './request.facts.js';
import type { TaskInput } from './settlement.messages.js';
import { recordedRefusal, renderedTexts, reusedKey, textsAgain, textsOf, unrecordedRefusal } from './submission.answers.js';
import { decideSubmissions, noSuchAccount, type SubmittedFact, type Wish } from './submission.decider.js';
import { namesUnknown, submittedNewFact, type SubmissionParts, type Submissions } from './submissions.js';

/** The members of a task that are sealed. */
const OWN_TEXTS = ['prompt', 'metadata', 'variables'] as const;

export class Batches {
  constructor(
    private readonly parts: SubmissionParts,
    private readonly submissions: Submissions,
  ) {}

  submit(context: RequestContext, tasks: readonly TaskInput[], atomic: boolean): Promise<WriteResult<BatchView>> {
    return atomic ? this.together(context, tasks) : this.each(context, tasks);
  }

  // ── Each on its own ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The key is claimed first, with how many entries it stands for; every entry then runs under a key of its own, derived from it. A crash in
   * between leaves entries undone, and the same request again does those and replays the others.
   */
  private each(context: RequestContext, tasks: readonly TaskInput[]): Promise<WriteResult<BatchView>> {
    return this.parts.keyed.run<BatchView>(context, {
      body: withoutTexts(context.body),
      execute: async ({ meta }) => {
        if (meta.keyDigest === undefined) return batchResult(await this.entries(context, tasks), POSITION_START);
        const claim = requestClaimed({ path: context.path, requestHash: meta.requestHash ?? '', entries: tasks.length });
        const stream = tenantStream('request', meta.tenant, meta.commandId);
        const claimed = await this.parts.store.append({ meta, appends: [{ stream, expectedRevision: NO_STREAM, facts: [claim] }] });
        return claimed.ok ? this.answerEach(context, tasks, stream, claimed.position) : KEY_CONFLICT;
      },
      replay: async ({ facts, position }) => {
        const first = facts[0];
        if (first?.type !== 'RequestClaimed') return unrecordedRefusal(reusedKey());
        return this.answerEach(context, tasks, first.stream, position);
      },
    });
  }

  /** Runs or replays every entry; refusals that are no facts are written down, so that the batch answers the same again. */
  private async answerEach(
    context: RequestContext,
    tasks: readonly TaskInput[],
    stream: string,
    claimedAt: Position,
  ): Promise<WriteResult<BatchView>> {
    const [answered] = await this.parts.store.readStream(stream, { fromRevision: 1, limit: 1 });
    const recorded = answered === undefined ? null : (answered as unknown as Extract<RequestFact, { type: 'BatchAnswered' }>).data.problems;
    const overtaken = await this.overtaken(context, recorded ?? []);
    const answers = await inOrderPerAccount(tasks, (input, index): Promise<Answer> => {
      const problem = recorded?.find((each) => each.index === index);
      return problem === undefined || overtaken.has(index)
        ? this.entry(context, input, index)
        : Promise.resolve(unrecordedRefusal(refusalOf(problem)));
    });
    if (answers.some((answer) => !answer.ok && answer.code === 'idempotency_key_reused')) return unrecordedRefusal(reusedKey());
    const problems = answers.flatMap((answer, index) =>
      answer.ok || isKept(answer) || isTransient(answer) ? [] : [{ index, ...problemOf(answer) }],
    );
    const own: Position[] = [];
    if (recorded === null && problems.length > 0) {
      const fact = requestNewFact({ type: 'BatchAnswered', data: { problems } });
      // Its own command: the claim's key stands on the claim. A race with the same batch elsewhere leaves the first one's answer.
      const { keyDigest: _claimed, ...meta } = commandMeta(context, null);
      const commandId = commandIdOf(keyDigest(context.tenant, meta.commandId, 'answered'));
      const appended = await this.parts.store.append({
        meta: { ...meta, commandId },
        appends: [{ stream, expectedRevision: 0, facts: [fact] }],
      });
      if (!appended.ok) return this.answerEach(context, tasks, stream, claimedAt);
      own.push(appended.position);
    } else if (answered !== undefined) {
      own.push(answered.position);
    }
    return batchResult(answers, [claimedAt, ...own].reduce(later));
  }

  /** Recorded as refused, but answered for good under their own keys: the same batch ran in two processes, and one came a moment later. */
  private async overtaken({ tenant, idempotencyKey }: RequestContext, recorded: ReadonlyArray<{ index: number }>): Promise<Set<number>> {
    if (recorded.length === 0 || idempotencyKey === null) return new Set();
    const digests = recorded.map(({ index }) => keyDigest(tenant, idempotencyKey, String(index)));
    const found = await this.parts.store.findByKeyDigests(digests);
    return new Set(recorded.filter((_each, place) => found.has((digests[place] as Buffer).toString('hex'))).map(({ index }) => index));
  }

  private entries(context: RequestContext, tasks: readonly TaskInput[]): Promise<Answer[]> {
    return inOrderPerAccount(tasks, (input, index) => this.entry(context, input, index));
  }

  /** What the single call would have answered, a fault of the moment included: it takes no other entry with it. */
  private async entry(context: RequestContext, input: TaskInput, index: number): Promise<Answer> {
    try {
      return await this.submissions.submit(context, input, { part: String(index), body: { ...input } });
    } catch (error) {
      if (error instanceof SessionsOverloaded)
        return unrecordedRefusal(refuse('overloaded', 'Too many commands wait for this account; try again.'));
      if (error instanceof EventStoreUnavailable)
        return unrecordedRefusal(refuse('not_ready', 'The event store cannot be reached; try again.'));
      throw error;
    }
  }

  // ── All or none ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * One reservation of all and every task in one append. A refusal is an answer for the whole batch and writes no task: without a key nothing, under
   * a key one `RequestRefused`, so that it is answered again for good.
   */
  private async together(context: RequestContext, tasks: readonly TaskInput[]): Promise<WriteResult<BatchView>> {
    const { tenant } = context;
    const accountId = tasks[0]?.accountId ?? '';
    const stray = tasks.findIndex((task) => task.accountId !== accountId);
    if (stray >= 0) return unrecordedRefusal(manyAccounts(stray));
    if (!isVisible(context, accountId) || !(await this.submissions.exists(tenant, accountId))) return unrecordedRefusal(noSuchAccount());
    const attempts = new BriefAttempts(this.parts.briefs);
    const work = (): Promise<WriteResult<BatchView>> => this.runTogether(context, accountId, tasks, attempts);
    return attempts.during(work, ({ results }) =>
      results.flatMap((entry) => ('task' in entry && entry.task.briefId !== null ? [entry.task.id] : [])),
    );
  }

  private runTogether(
    context: RequestContext,
    accountId: string,
    tasks: readonly TaskInput[],
    attempts: BriefAttempts,
  ): Promise<WriteResult<BatchView>> {
    return this.parts.keyed.run<BatchView>(context, {
      // Every task carries texts of its own: they are compared task by task, not by the hash.
      body: withoutTexts(context.body),
      execute: (prepared) => this.executeTogether(context, accountId, tasks, prepared, attempts),
      replay: (recorded) => this.replayTogether(context, accountId, tasks, recorded),
      interrupted: (recorded) => this.interruptedTogether(context, accountId, tasks, recorded),
    });
  }

  private async executeTogether(
    context: RequestContext,
    accountId: string,
    tasks: readonly TaskInput[],
    { meta }: PreparedCommand,
    attempts: BriefAttempts,
  ): Promise<Executed<BatchView>> {
    const { tenant } = context;
    const briefed = await this.resolveAll(context, tasks);
    if (isRefusal(briefed)) return unrecordedRefusal(briefed);
    const sealer = await this.parts.keys.sealerFor(tenant, accountId);
    const sealed: Array<string | undefined> = [];
    const wishes = await Promise.all(
      tasks.map(async (input, index): Promise<Wish> => {
        const { prompt, metadata, variables } = input;
        const brief = briefed[index];
        const texts = sealer.seal({ prompt, metadata, variables, ...(brief && renderedTexts(input, brief)) });
        sealed[index] = texts?.sealed;
        const quote = await this.submissions.quoteOf(tenant, input);
        return {
          taskId: taskIdAt(context, index),
          input,
          quote,
          prompt: texts?.refs['prompt'] ?? null,
          metadata: texts?.refs['metadata'] ?? null,
          ...(brief && { brief: brief.brief }),
          ...(texts?.refs['variables'] && { variables: texts.refs['variables'] }),
        };
      }),
    );
    const exhausted = await attempts.take(meta, wishes);
    if (exhausted !== null) return unrecordedRefusal(exhausted);
    const ended = await this.decideTogether(accountId, wishes, sealed, meta);
    if ('conflict' in ended) return KEY_CONFLICT;
    if (!('refusal' in ended)) {
      const texts = tasks.map((input, index) => textsOf(input, briefed[index]));
      return togetherResult(ended.facts, texts, ended.position);
    }
    const { refusal } = ended;
    if (meta.keyDigest === undefined || !isKept(refusal)) return unrecordedRefusal(refusal);
    const texts: Record<string, JsonValue | undefined> = {};
    tasks.forEach((task, index) => {
      for (const field of OWN_TEXTS) texts[`${index}.${field}`] = task[field];
    });
    const all = sealer.seal(texts);
    const decidedAt = toIso(ended.at);
    const fact: RequestFact = {
      type: 'RequestRefused',
      data: { path: context.path, problem: problemOf(refusal), texts: all?.refs ?? {}, decidedAt },
    };
    const stream = tenantStream('request', tenant, meta.commandId);
    const appended = await this.parts.store.append({
      meta,
      appends: [{ stream, expectedRevision: NO_STREAM, facts: [requestNewFact(fact, all?.sealed)] }],
    });
    return appended.ok ? recordedRefusal(refusal, appended.position) : KEY_CONFLICT;
  }

  /** Of each task that names a brief; the first refusal is that of the batch. */
  private async resolveAll(context: RequestContext, tasks: readonly TaskInput[]): Promise<Array<BriefedTask | undefined> | Refusal> {
    const briefed = new Array<BriefedTask | undefined>(tasks.length);
    for (const [index, input] of tasks.entries()) {
      if (input.briefId === undefined) continue;
      const found = await this.submissions.resolve(context, input, input.briefId);
      if (isRefusal(found)) return ofEntry(index, found);
      briefed[index] = found;
    }
    return briefed;
  }

  private async decideTogether(
    accountId: string,
    wishes: readonly Wish[],
    sealed: ReadonlyArray<string | undefined>,
    meta: PreparedCommand['meta'],
    isRefreshed = false,
  ): Promise<{ facts: readonly SubmittedFact[]; position: Position } | { refusal: Refusal; at: number } | { conflict: true }> {
    let decidedAt = 0;
    const stream = tenantStream('account', meta.tenant, accountId);
    const outcome = await this.parts.accounts.execute<readonly SubmittedFact[]>(stream, meta, (state, at, revision) => {
      decidedAt = at;
      const decision = decideSubmissions(state, revision, at, wishes, this.submissions.termsOf(meta));
      if (decision === null) return { unchanged: true, result: [] };
      if ('refusal' in decision) return decision.refusal;
      const companions = decision.tasks.map((fact, index) => ({
        stream: tenantStream('task', meta.tenant, fact.data.taskId),
        expectedRevision: NO_STREAM,
        facts: [submittedNewFact(fact, sealed[index])],
      }));
      return { facts: accountNewFacts(decision.facts), companions, result: () => decision.tasks };
    });
    switch (outcome.kind) {
      case 'appended':
        return { facts: outcome.result, position: outcome.position };
      case 'refused':
        if (isRefreshed || !namesUnknown(outcome.refusal, this.parts.catalogue)) return { refusal: outcome.refusal, at: decidedAt };
        await this.parts.catalogue.refresh();
        return this.decideTogether(accountId, wishes, sealed, meta, true);
      case 'unchanged':
      case 'key_conflict':
      case 'companion_conflict':
        if (meta.keyDigest === undefined && !this.parts.store.atomicAcrossStreams)
          throw new EventStoreUnavailable('a healer ended a part of the batch before it was opened whole');
        invariant(meta.keyDigest !== undefined, 'a batch without a key met its own tasks');
        return { conflict: true };
    }
  }

  /** One hold of all, and not every task behind it: those that were not opened are failed and given back, as each says itself. */
  private async interruptedTogether(
    { tenant }: RequestContext,
    accountId: string,
    tasks: readonly TaskInput[],
    { facts }: RecordedCommand,
  ): Promise<WriteResult<BatchView>> {
    const holds = holdsOf(facts);
    const isSame =
      holds?.accountId === accountId && tasks.length === holds.taskIds.length && tasks.every((task, at) => task.model === holds.models[at]);
    if (holds === null || !isSame) return unrecordedRefusal(reusedKey());
    const answers: Answer[] = [];
    for (const [index, taskId] of holds.taskIds.entries()) {
      answers.push(await interruptedAnswer(this.submissions.interruptedParts, tenant, taskId, tasks[index] as TaskInput));
    }
    await this.submissions.interruptions.heal(holds.reserved);
    return batchResult(answers, holds.reserved.position);
  }

  private async replayTogether(
    context: RequestContext,
    accountId: string,
    tasks: readonly TaskInput[],
    { facts, position }: RecordedCommand,
  ): Promise<WriteResult<BatchView>> {
    const opener = await this.parts.keys.openerFor(context.tenant, accountId);
    const isSame = (stored: StoredFact, field: string, ref: ErasableRef | null, value: JsonValue | undefined): boolean => {
      if (value === undefined || ref === null) return value === undefined && ref === null;
      return stored.sealed !== null && opener?.digestAgain(stored.sealed, field, value) === ref.$erasable;
    };
    const [first] = facts;
    const refused = first as unknown as RequestFact | undefined;
    if (first !== undefined && refused?.type === 'RequestRefused') {
      const { problem, texts } = refused.data;
      const same = tasks.every((task, index) =>
        OWN_TEXTS.every((field) => isSame(first, `${index}.${field}`, texts[`${index}.${field}`] ?? null, task[field])),
      );
      return same ? recordedRefusal(refusalOf(problem), position) : unrecordedRefusal(reusedKey());
    }
    const submitted = facts.filter((fact) => fact.type === 'TaskSubmitted');
    const same = tasks.every((task, index) => {
      const stored = submitted[index];
      if (stored === undefined) return false;
      const { prompt, metadata, variables = null } = (stored as unknown as SubmittedFact).data;
      // What was rendered for it is no part of the request; whether there were variables of its own, and for which version, the hash tells.
      return (
        (task.promptVersionId !== undefined || isSame(stored, 'prompt', prompt, task.prompt)) &&
        (task.variables === undefined || isSame(stored, 'variables', variables, task.variables)) &&
        isSame(stored, 'metadata', metadata, task.metadata)
      );
    });
    if (!same) return unrecordedRefusal(reusedKey());
    const texts = await Promise.all(tasks.map((task, index) => textsAgain(this.parts.keys, task, submitted[index] as StoredFact)));
    return togetherResult(submitted as unknown as SubmittedFact[], texts, position);
  }
}

/**
 * One account's entries one after the other, as single calls in that order would go, so that it is the last ones that find the credits or
 * the quote used up; accounts beside each other.
 */
async function inOrderPerAccount(
  tasks: readonly TaskInput[],
  run: (input: TaskInput, index: number) => Promise<Answer>,
): Promise<Answer[]> {
  const answers = new Array<Answer>(tasks.length);
  const queues = new Map<string, number[]>();
  tasks.forEach(({ accountId }, index) => {
    const queue = queues.get(accountId);
    if (queue === undefined) queues.set(accountId, [index]);
    else queue.push(index);
  });
  const work = async (queue: readonly number[]): Promise<void> => {
    for (const index of queue) answers[index] = await run(tasks[index] as TaskInput, index);
  };
  await Promise.all([...queues.values()].map(work));
  return answers;
}
