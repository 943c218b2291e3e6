// 1 → 2 → 3 · opens a task together with its reservation: the hot path of the product. Called by the SubmitTask handler and by batches.
import { LRUCache } from 'lru-cache';
import { invariant, isRefusal, type JsonObject, type Refusal } from '#libs/kernel';
import type { Catalogue, QuoteStore } from '#libs/catalogue';
import {
  KEY_CONFLICT,
  NO_STREAM,
  tenantStream,
  type CommandMeta,
  type CustomerKeys,
  type EventStore,
  type Executed,
  type KeyedCommands,
  type PreparedCommand,
  type RecordedCommand,
  type RequestContext,
  type Sessions,
  type StoredFact,
  type WriteResult,
} from '#libs/event-store';
import { accountNewFacts, isVisible, type AccountState, type LedgerContextOf } from '#libs/ledger';
import type { BriefedTask, TaskBriefs } from '#libs/studio';
import { TASK_FACT_VERSIONS, type TaskTexts, type TaskView } from '#libs/tasks';
import { BriefAttempts } from './brief-attempts.js';
import type { TaskInput } from './settlement.messages.js';
import type { SettlementPolicies } from './settlement.policies.js';
import { holdsOf, interruptedAnswer } from './interrupted.answers.js';
import type { Interruptions } from './interruptions.js';
import {
  recordedRefusal,
  rejectionOf,
  renderedTexts,
  reusedKey,
  submittedView,
  textsAgain,
  textsOf,
  unrecordedRefusal,
} from './submission.answers.js';
import {
  decideSubmissions,
  noSuchAccount,
  type QuoteTerms,
  type RejectedFact,
  type SubmissionTerms,
  type SubmittedFact,
  type Wish,
} from './submission.decider.js';

/** What opening tasks needs of the rest of the house. */
export interface SubmissionParts {
  store: EventStore;
  accounts: Sessions<AccountState>;
  keyed: KeyedCommands;
  keys: CustomerKeys;
  catalogue: Catalogue;
  quotes: Pick<QuoteStore, 'find'>;
  briefs: TaskBriefs;
  contextOf: LedgerContextOf;
  policies: SettlementPolicies;
  /** Absent only where the store writes a hold and its task as one. */
  interruptions?: Interruptions;
}

/** One entry of a batch: the part of the batch's key, and the entry as it was sent. */
export interface BatchPart {
  part: string;
  body: JsonObject;
}

/** A task with a brief, and the attempts that its request takes. */
interface Briefed extends BriefedTask {
  attempts: BriefAttempts;
}

/** What cannot be an id is not looked up. */
const QUOTE_ID_PATTERN = /^quote_[0-9a-f]{32}$/;
const KNOWN_ACCOUNTS_MAX = 100_000;

export class Submissions {
  /** Accounts that this process has seen to exist; an account never ceases to. */
  private readonly known = new LRUCache<string, true>({ max: KNOWN_ACCOUNTS_MAX });

  constructor(private readonly parts: SubmissionParts) {}

  async submit(context: RequestContext, input: TaskInput, entry?: BatchPart): Promise<WriteResult<TaskView>> {
    if (!isVisible(context, input.accountId)) return unrecordedRefusal(noSuchAccount());
    const hasTexts = input.prompt !== undefined || input.metadata !== undefined || input.briefId !== undefined;
    // An account's key is made for its texts: nothing may be sealed for an account that does not exist.
    if (hasTexts && !(await this.exists(context.tenant, input.accountId))) return unrecordedRefusal(noSuchAccount());
    if (input.briefId !== undefined) return this.submitBriefed(context, input, input.briefId, entry);
    return this.parts.keyed.run<TaskView>(context, {
      erasable: hasTexts ? { accountId: input.accountId, values: { prompt: input.prompt, metadata: input.metadata } } : null,
      ...entry,
      execute: (prepared) => this.execute(input, prepared),
      replay: (recorded) => Promise.resolve(replaySubmission(recorded, textsOf(input))),
      interrupted: (recorded) => this.interrupted(context.tenant, input, recorded),
    });
  }

  /** The brief is asked only once it is certain that the command was not carried out before: it may be another one by now. */
  private submitBriefed(context: RequestContext, input: TaskInput, briefId: string, entry?: BatchPart): Promise<WriteResult<TaskView>> {
    const { tenant } = context;
    const { accountId, prompt, metadata, variables } = input;
    const attempts = new BriefAttempts(this.parts.briefs);
    let briefed: Briefed | undefined;
    const work = (): Promise<WriteResult<TaskView>> =>
      this.parts.keyed.run<TaskView>(context, {
        erasable: { accountId, values: { prompt, metadata, variables } },
        ...entry,
        derive: async () => {
          const found = await this.resolve(context, input, briefId);
          if (isRefusal(found)) return found;
          briefed = { ...found, attempts };
          return renderedTexts(input, found);
        },
        execute: (prepared) => this.execute(input, prepared, briefed),
        replay: async (recorded) => replaySubmission(recorded, await textsAgain(this.parts.keys, input, openingOf(recorded))),
        interrupted: (recorded) => this.interrupted(tenant, input, recorded),
      });
    return attempts.during(work, (task) => (task.briefId === briefId ? [task.id] : []));
  }

  resolve({ tenant, accounts }: RequestContext, input: TaskInput, briefId: string): Promise<BriefedTask | Refusal> {
    const { accountId, promptVersionId, variables } = input;
    const wish = {
      accounts,
      accountId,
      briefId,
      ...(promptVersionId !== undefined && { promptVersionId }),
      ...(variables !== undefined && { variables }),
    };
    return this.parts.briefs.resolve(tenant, wish);
  }

  /** Whether the account exists; asked of the log once, then remembered. */
  async exists(tenant: string, accountId: string): Promise<boolean> {
    const stream = tenantStream('account', tenant, accountId);
    if (this.known.has(stream)) return true;
    const isOpen = await this.parts.accounts.read(stream, (state) => state.isOpen);
    if (isOpen) this.known.set(stream, true);
    return isOpen;
  }

  /** Null where the input names none, or none that exists. */
  async quoteOf(tenant: string, { quoteId }: TaskInput): Promise<QuoteTerms | null> {
    return quoteId === undefined || !QUOTE_ID_PATTERN.test(quoteId) ? null : this.parts.quotes.find(tenant, quoteId);
  }

  private async execute(input: TaskInput, { meta, refs, sealed }: PreparedCommand, briefed?: Briefed): Promise<Executed<TaskView>> {
    const taskId = `task_${meta.commandId}`;
    const quote = input.quoteId === undefined ? null : await this.quoteOf(meta.tenant, input);
    const wish: Wish = { taskId, input, quote, prompt: refs['prompt'] ?? null, metadata: refs['metadata'] ?? null };
    if (briefed !== undefined) {
      wish.brief = briefed.brief;
      if (refs['variables'] !== undefined) wish.variables = refs['variables'];
      const refusal = await briefed.attempts.take(meta, [wish]);
      if (refusal !== null) return unrecordedRefusal(refusal);
    }
    let ended = await this.decide(wish, meta, sealed);
    if (ended.kind === 'refused' && namesUnknown(ended.refusal, this.parts.catalogue)) {
      // A catalogue that lags has not seen the newest model or plan: nobody says that it is absent before the log was asked.
      await this.parts.catalogue.refresh();
      ended = await this.decide(wish, meta, sealed);
    }
    switch (ended.kind) {
      case 'submitted': {
        const { fact, position } = ended;
        return { ok: true, view: submittedView(fact, textsOf(input, briefed), position), position, replayed: false };
      }
      case 'refused':
        return ended.rejection === null ? unrecordedRefusal(ended.refusal) : this.record(ended.rejection, meta, sealed);
      case 'repeated':
        if (meta.keyDigest !== undefined) return KEY_CONFLICT;
        // Only a healer that believed this very process dead can have opened it.
        invariant(!this.parts.store.atomicAcrossStreams, () => `${taskId} exists already, and no key names it`);
        return interruptedAnswer(this.interruptedParts, meta.tenant, taskId, input);
    }
  }

  get interruptions(): Interruptions {
    const { interruptions } = this.parts;
    invariant(interruptions !== undefined, 'a store that does not write two streams as one needs what heals a crash in between');
    return interruptions;
  }

  get interruptedParts(): { interruptions: Interruptions; keys: CustomerKeys } {
    return { interruptions: this.interruptions, keys: this.parts.keys };
  }

  /** The hold stands and its task did not follow: who comes again waits a moment for it, or hears what became of it. */
  private async interrupted(tenant: string, input: TaskInput, { facts }: RecordedCommand): Promise<WriteResult<TaskView>> {
    const holds = holdsOf(facts);
    if (holds === null || holds.accountId !== input.accountId || holds.models[0] !== input.model || holds.taskIds.length > 1)
      return unrecordedRefusal(reusedKey());
    const [taskId] = holds.taskIds as [string];
    const answer = await interruptedAnswer(this.interruptedParts, tenant, taskId, input);
    await this.interruptions.heal(holds.reserved);
    return answer;
  }

  private async decide(wish: Wish, meta: CommandMeta, sealed: string | undefined): Promise<Ended> {
    const stream = tenantStream('account', meta.tenant, wish.input.accountId);
    const taskStream = tenantStream('task', meta.tenant, wish.taskId);
    const wishes = [wish];
    let rejection: RejectedFact | null = null;
    const outcome = await this.parts.accounts.execute<SubmittedFact | null>(stream, meta, (state, at, revision) => {
      const decision = decideSubmissions(state, revision, at, wishes, this.termsOf(meta));
      if (decision === null) return { unchanged: true, result: null };
      if ('refusal' in decision) {
        rejection = decision.rejections[0] ?? null;
        return decision.refusal;
      }
      const fact = decision.tasks[0] as SubmittedFact;
      return {
        facts: accountNewFacts(decision.facts),
        companions: [{ stream: taskStream, expectedRevision: NO_STREAM, facts: [submittedNewFact(fact, sealed)] }],
        result: () => fact,
      };
    });
    switch (outcome.kind) {
      case 'appended':
        return { kind: 'submitted', fact: outcome.result as SubmittedFact, position: outcome.position };
      case 'refused':
        return { kind: 'refused', refusal: outcome.refusal, rejection };
      case 'unchanged':
      case 'key_conflict':
      case 'companion_conflict':
        return { kind: 'repeated' };
    }
  }

  termsOf(meta: CommandMeta): SubmissionTerms {
    const { catalogue, contextOf, policies } = this.parts;
    return { catalogue, ledger: contextOf(meta.commandId), policies };
  }

  /** The refusal is the task's first and last fact; the account is not touched. */
  private async record(rejection: RejectedFact, meta: CommandMeta, sealed: string | undefined): Promise<Executed<TaskView>> {
    const { type, data } = rejection;
    const fact = { type, schemaVersion: TASK_FACT_VERSIONS[type], data: data as unknown as JsonObject, sealed };
    const stream = tenantStream('task', meta.tenant, data.taskId);
    const appended = await this.parts.store.append({ meta, appends: [{ stream, expectedRevision: NO_STREAM, facts: [fact] }] });
    if (appended.ok) return recordedRefusal(rejectionOf(data), appended.position);
    invariant(meta.keyDigest !== undefined, () => `${data.taskId} exists already, and no key names it`);
    return KEY_CONFLICT;
  }
}

type Ended =
  | { kind: 'submitted'; fact: SubmittedFact; position: string }
  | { kind: 'refused'; refusal: Refusal; rejection: RejectedFact | null }
  | { kind: 'repeated' };

/** A refusal for want of a model or a plan that this process does not know of: it may be new. */
export function namesUnknown({ code, fields }: Refusal, catalogue: Pick<Catalogue, 'plan'>): boolean {
  if (code === 'unknown_model') return true;
  if (code !== 'plan_required' || fields === undefined) return false;
  return [fields['accountPlan'], fields['requiredPlan']].some((plan) => typeof plan === 'string' && catalogue.plan(plan) === null);
}

export function submittedNewFact({ type, data }: SubmittedFact, sealed: string | undefined) {
  return { type, schemaVersion: TASK_FACT_VERSIONS[type], data: data as unknown as JsonObject, sealed };
}

/** The fact of the task that a submission's answer is made of. */
function openingOf({ facts }: RecordedCommand): StoredFact {
  const fact = facts.find(({ type }) => type === 'TaskSubmitted' || type === 'TaskRejected');
  invariant(fact !== undefined, () => `no submission among ${facts.map(({ type }) => type).join(', ')}`);
  return fact;
}

function replaySubmission(recorded: RecordedCommand, texts: TaskTexts): WriteResult<TaskView> {
  const { position } = recorded;
  const { type, data } = openingOf(recorded);
  if (type === 'TaskRejected') return recordedRefusal(rejectionOf(data as unknown as RejectedFact['data']), position);
  const fact = { type, data } as unknown as SubmittedFact;
  return { ok: true, view: submittedView(fact, texts, position), position, replayed: true };
}
