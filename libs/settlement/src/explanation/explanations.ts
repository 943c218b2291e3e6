// query · answers "why?" for one task: every decision with what it saw, and what today's code decides on the same; called by the API.
import { fromIso, isRefusal, toIso, type InstantMs, type JsonObject, type Refusal } from '#libs/kernel';
import type { QuoteStore } from '#libs/catalogue';
import { tenantStream, type EventStore, type Sessions, type StoredFact } from '#libs/event-store';
import {
  balanceView,
  decideAccount,
  isVisible,
  ledgerContexts,
  type AccountCommand,
  type AccountFact,
  type AccountState,
  type DrawdownLine,
  type LedgerPolicies,
} from '#libs/ledger';
import { decideTask, evolveTask, initialTask, type TaskCommand, type TaskFact, type TaskState } from '#libs/tasks';
import type { QuoteTerms, RejectedFact, SubmittedFact } from '../submission.decider.js';
import { endingCommand } from '../task-endings.js';
import { noSuchTask, notIndexedYet, TASK_ID_PATTERN, type TaskLedger } from '../task-ledger.js';
import { AccountThen, type AccountSeen } from './account-then.js';
import { catalogueBefore, type CatalogueThen } from './catalogue-then.js';
import { compareFacts, type Stated } from './difference.js';
import type { DecisionView, ExplanationView } from './explanation.view.js';
import { ledgerCommandOf, plansIn, policiesThen } from './ledger-again.js';
import type { Rule } from './rules.js';
import { submitAgain } from './submission-again.js';
import { taskCommandOf } from './task-again.js';

export interface ExplanationParts {
  store: EventStore;
  accounts: Pick<Sessions<AccountState>, 'stateAt'>;
  ledger: Pick<TaskLedger, 'factsOf'>;
  quotes: Pick<QuoteStore, 'find'>;
  /** Those in force now: a fact that a policy decided names it. */
  policies: LedgerPolicies;
}

export interface Asker {
  tenant: string;
  accounts: readonly string[] | null;
}

/** The facts of one command that speak of the task, told apart by stream. */
interface CommandFacts {
  commandId: string;
  own: StoredFact[];
  account: StoredFact[];
}

/** The task as its facts come by. */
interface Life {
  task: TaskState;
  submission: SubmittedFact['data'] | RejectedFact['data'];
  accounts: AccountThen;
  /** The account's facts of the task, of commands that were looked at before. */
  earlier: StoredFact[];
}

const NEIGHBOURS = 64;

export class Explanations {
  constructor(private readonly parts: ExplanationParts) {}

  async explain(who: Asker, taskId: string): Promise<ExplanationView | Refusal> {
    if (!TASK_ID_PATTERN.test(taskId)) return noSuchTask();
    const own = await this.parts.store.readStream(tenantStream('task', who.tenant, taskId));
    const first = own[0];
    if (first === undefined) return noSuchTask();
    const submission = first.data as unknown as Life['submission'];
    const { accountId } = submission;
    if (!isVisible(who, accountId)) return noSuchTask();
    const ledger = first.type === 'TaskRejected' ? [] : await this.parts.ledger.factsOf(who.tenant, { taskId, accountId });
    if (ledger === null) return notIndexedYet();
    const accounts = new AccountThen(this.parts.store, this.parts.accounts, who.tenant, accountId);
    const life: Life = { task: initialTask(), submission, accounts, earlier: [] };
    const decisions: DecisionView[] = [];
    for (const command of await this.commandsOf(own, ledger)) {
      const isSubmission = command.own[0] === first;
      const decision = isSubmission ? await this.submission(first, command, life) : await this.later(command, life);
      if (decision !== null) decisions.push(decision);
      for (const fact of command.own) evolveTask(life.task, asTaskFact(fact));
      life.earlier.push(...command.account);
    }
    return { taskId, reproduced: decisions.every((decision) => decision.reproduced), decisions };
  }

  /** In log order. An account's facts of a command are read whole: what was due was booked with them, and names no task. */
  private async commandsOf(own: readonly StoredFact[], ledger: readonly StoredFact[]): Promise<CommandFacts[]> {
    const commands = new Map<string, CommandFacts>();
    const of = (fact: StoredFact): CommandFacts => {
      const commandId = commandIdOf(fact);
      let known = commands.get(commandId);
      if (known === undefined) commands.set(commandId, (known = { commandId, own: [], account: [] }));
      return known;
    };
    for (const fact of own) of(fact).own.push(fact);
    for (const fact of ledger) if (of(fact).account.length === 0) of(fact).account = await this.wholeCommand(fact);
    return [...commands.values()].sort((a, b) => (firstOf(a).position < firstOf(b).position ? -1 : 1));
  }

  /** A command's facts on one stream stand side by side. */
  private async wholeCommand(fact: StoredFact): Promise<StoredFact[]> {
    const { stream, revision } = fact;
    const commandId = commandIdOf(fact);
    const found: StoredFact[] = [];
    for (let next = revision; next >= 0; next -= NEIGHBOURS) {
      const facts = await this.parts.store.readStream(stream, { fromRevision: next, direction: 'backwards', limit: NEIGHBOURS });
      const same = facts.filter((each) => commandIdOf(each) === commandId);
      found.unshift(...same.reverse());
      if (same.length < NEIGHBOURS) break;
    }
    for (let next = revision + 1; ; next += NEIGHBOURS) {
      const facts = await this.parts.store.readStream(stream, { fromRevision: next, limit: NEIGHBOURS });
      const same = facts.filter((each) => commandIdOf(each) === commandId);
      found.push(...same);
      if (same.length < NEIGHBOURS) return found;
    }
  }

  // ── The submission ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async submission(first: StoredFact, { commandId, account }: CommandFacts, life: Life): Promise<DecisionView> {
    const fact = asTaskFact(first) as SubmittedFact | RejectedFact;
    const { data } = fact;
    const accountFacts = account.map(asAccountFact);
    const tasks = fact.type === 'TaskRejected' ? [fact] : await this.tasksOf(first.tenant, accountFacts);
    const quotes = new Map<string, QuoteTerms>();
    for (const id of new Set(tasks.map((task) => task.data.quoteId))) {
      const quote = id === null ? null : await this.parts.quotes.find(first.tenant, id);
      if (quote !== null) quotes.set(quote.id, quote);
    }
    const seen = await life.accounts.atRevision(data.accountRevision);
    const models = tasks.map((task) => task.data.model);
    const catalogue = await this.catalogueThen(account[0] ?? first, models, seen.state, accountFacts);
    const compared = submitAgain({ commandId, accountFacts, tasks, quotes }, seen.state, catalogue, this.parts.policies);
    const { accountId, model, userId, quoteId, parameters, brief } = data;
    const named = brief === undefined ? {} : { briefId: brief.briefId, promptVersionId: brief.promptVersionId };
    return {
      ...this.place(fromIso(data.decidedAt), first),
      command: { type: 'SubmitTask', accountId, model, userId, ...named, quoteId, parameters, credits: data.credits, tasks: tasks.length },
      state: this.stateView(seen, fromIso(data.decidedAt), data.drawdown as DrawdownLine[]),
      rule: submissionRule(fact),
      priceVersion: data.priceVersion,
      planVersion: data.planVersion,
      outcome: fact.type === 'TaskRejected' ? 'refused' : 'accepted',
      facts: typesOf([...account, first]),
      refusal: fact.type === 'TaskRejected' ? refusalOf(fact) : null,
      ...compared,
    };
  }

  /** A batch that stands or falls together is one decision over all of its tasks. */
  private async tasksOf(tenant: string, accountFacts: readonly AccountFact[]): Promise<SubmittedFact[]> {
    const reserved = accountFacts.find((fact) => fact.type === 'CreditsReserved');
    const ids = reserved?.type === 'CreditsReserved' ? reserved.data.reservations.map((each) => each.taskId) : [];
    const streams = ids.map((id) => tenantStream('task', tenant, id));
    const found = await this.parts.store.readStreams(streams, { limitPerStream: 1 });
    return streams.flatMap((stream) => (found.get(stream) ?? []).map((fact) => asTaskFact(fact) as SubmittedFact));
  }

  // ── What came after it ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async later(facts: CommandFacts, life: Life): Promise<DecisionView | null> {
    const own = facts.own.map(asTaskFact);
    const account = facts.account.map(asAccountFact);
    const onTask = taskCommandOf(own, life.task);
    const onLedger = account.length === 0 ? null : ledgerCommandOf(account, life.task, life.earlier);
    if (onTask === null && onLedger === null) return null;
    const first = firstOf(facts);
    const last = [...facts.account, ...facts.own].reduce((latest, fact) => (fact.position > latest.position ? fact : latest));
    const at = decidedAtOf(onTask === null ? (account.at(-1) as AccountFact) : (own.at(-1) as TaskFact));
    const seen = await life.accounts.before(first.position);
    const catalogue = await this.catalogueThen(first, [], seen.state, account);
    const decided: Stated[] = [];
    let ledger: AccountCommand | null = onLedger?.command ?? null;
    if (onTask !== null) {
      const after = structuredClone(life.task);
      const facts = taskFactsAgain(life.task, onTask.command, at);
      decided.push(...facts);
      // Ended by the very command: the ledger was told of it as it is told of every ending.
      if (onTask.rule === 'cancellation.at-once') ledger = endingCommand(facts.reduce(evolveTask, after));
    }
    if (ledger !== null) decided.unshift(...this.ledgerFactsAgain(seen.state, ledger, at, facts.commandId, account, catalogue));
    const rule: Rule = onTask?.rule ?? onLedger?.rule ?? 'cost.absorbed';
    return {
      ...this.place(at, last),
      command: shown(onTask?.command ?? onLedger?.command),
      state: this.stateView(seen, at, drawdownOf(seen.state, life.task.taskId)),
      rule,
      priceVersion: life.submission.priceVersion,
      planVersion: catalogue.plan(seen.state.plan)?.version ?? 0,
      outcome: 'accepted',
      facts: typesOf([...facts.account, ...facts.own]),
      refusal: null,
      ...compareFacts([...account, ...own], decided),
    };
  }

  private ledgerFactsAgain(
    state: AccountState,
    command: AccountCommand,
    at: InstantMs,
    commandId: string,
    recorded: readonly AccountFact[],
    catalogue: CatalogueThen,
  ): Stated[] {
    const context = ledgerContexts(policiesThen(recorded, this.parts.policies), catalogue)(commandId);
    const decision = decideAccount(state, command, at, context);
    return isRefusal(decision) ? [refusedAs(decision)] : Array.isArray(decision) ? decision : [];
  }

  private catalogueThen(
    first: StoredFact,
    models: readonly string[],
    state: AccountState,
    facts: readonly AccountFact[],
  ): Promise<CatalogueThen> {
    const plans = [state.plan, ...(state.pendingPlan === null ? [] : [state.pendingPlan]), ...plansIn(facts)];
    return catalogueBefore(this.parts.store, first.position, models, plans);
  }

  private place(at: InstantMs, { position, actor, correlationId }: StoredFact) {
    return { at: toIso(at), position, actor, correlationId };
  }

  private stateView({ state, revision }: AccountSeen, at: InstantMs, drawdown: DrawdownLine[]): DecisionView['state'] {
    const context = { burnOrder: this.parts.policies.burnOrder, allowanceOf: () => 0 };
    const { plan, available, held, frozen } = balanceView(state, at, { revision, position: '' }, context);
    return { revision, plan, available, held, frozen, drawdown };
  }
}

function taskFactsAgain(task: TaskState, command: TaskCommand, at: InstantMs): TaskFact[] {
  const decision = decideTask(task, command, at);
  return Array.isArray(decision) ? decision : [];
}

/** `evt_`, the command's 32 digits, the fact's own four. */
function commandIdOf({ id }: StoredFact): string {
  return id.slice('evt_'.length, -4);
}

function firstOf({ own, account }: CommandFacts): StoredFact {
  return [...account, ...own].reduce((first, fact) => (fact.position < first.position ? fact : first));
}

function asTaskFact({ type, data }: StoredFact): TaskFact {
  return { type, data } as unknown as TaskFact;
}

function asAccountFact({ type, data }: StoredFact): AccountFact {
  return { type, data } as unknown as AccountFact;
}

function decidedAtOf({ data }: AccountFact | TaskFact): InstantMs {
  return fromIso(data.decidedAt);
}

function typesOf(facts: readonly StoredFact[]): string[] {
  return [...facts].sort((a, b) => (a.position < b.position ? -1 : 1)).map((fact) => fact.type);
}

function submissionRule(fact: SubmittedFact | RejectedFact): Rule {
  if (fact.type === 'TaskSubmitted') return fact.data.quoteId === null ? 'submission.at-price' : 'submission.at-quote';
  return fact.data.code === 'plan_required' ? 'submission.plan-too-low' : 'submission.credits-short';
}

function refusalOf({ data }: RejectedFact): NonNullable<DecisionView['refusal']> {
  const { code, required, available, shortfall, requiredPlan } = data;
  return { code, required, available, shortfall, requiredPlan };
}

function refusedAs({ code, detail }: Refusal): Stated {
  return { type: 'Refused', data: { code, detail } };
}

/** What the task's hold was drawn from; nothing once it is over. */
function drawdownOf(state: AccountState, taskId: string): DrawdownLine[] {
  const reservation = state.reservations.get(taskId);
  return (reservation?.drawdown ?? []).flatMap(({ grantId, credits }) => {
    const grant = state.grants.get(grantId);
    if (grant === undefined) return [];
    return [{ bucket: grant.bucket, grantId, credits, expiresAt: grant.expiresAt === null ? null : toIso(grant.expiresAt) }];
  });
}

/** As JSON has it: a rank below every rank is null. */
function shown(command: TaskCommand | AccountCommand | undefined): DecisionView['command'] {
  return JSON.parse(JSON.stringify(command)) as JsonObject & { type: string };
}
