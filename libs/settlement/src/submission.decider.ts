// 2 decide · whether a task may be opened and what it will cost: the whole judgement of a submission, in order; called by Submissions and batches.
import { invariant, isRefusal, jcs, refuse, toIso, type ErasableRef, type InstantMs, type JsonObject, type Refusal } from '#libs/kernel';
import { COMMON_PARAMETERS, DEADLINE_MS_DEFAULT, type Catalogue, type Priced, type StoredQuote } from '#libs/catalogue';
import {
  decideAccount,
  previewReserve,
  type AccountFact,
  type AccountState,
  type GrantPart,
  type LedgerContext,
  type ReserveRequest,
} from '#libs/ledger';
import type { DrawdownView, SubmissionData, TaskBrief, TaskFact } from '#libs/tasks';
import type { TaskInput } from './settlement.messages.js';
import type { SettlementPolicies } from './settlement.policies.js';

/** A quote as a submission needs it; the catalogue keeps them. */
export type QuoteTerms = Pick<
  StoredQuote,
  'id' | 'accountId' | 'model' | 'quantity' | 'unitCredits' | 'priceVersion' | 'parameters' | 'expiresAt'
>;

/** One task that somebody wishes to open, with what was looked up for it before. */
export interface Wish {
  taskId: string;
  input: TaskInput;
  /** Null when the input names none, or none that exists. */
  quote: QuoteTerms | null;
  prompt: ErasableRef | null;
  metadata: ErasableRef | null;
  /** Only where the input names a brief, which was found. */
  brief?: TaskBrief;
  variables?: ErasableRef;
}

/** What a judgement is given beside account and wish. */
export interface SubmissionTerms {
  catalogue: Pick<Catalogue, 'price' | 'plan' | 'model'>;
  ledger: LedgerContext;
  policies: SettlementPolicies;
}

export type SubmittedFact = Extract<TaskFact, { type: 'TaskSubmitted' }>;
export type RejectedFact = Extract<TaskFact, { type: 'TaskRejected' }>;

/** What a wish costs, at the version it will be charged. */
interface PricedWish {
  wish: Wish;
  priced: Priced;
}

export interface AcceptedSubmissions {
  /** Of the account: what was due, then the one reservation of all. */
  facts: AccountFact[];
  /** One per wish, in order. */
  tasks: SubmittedFact[];
}

/** A refusal; `rejections` are the facts that record it, one per wish, empty where a refusal is not recorded. */
export interface RefusedSubmissions {
  refusal: Refusal;
  rejections: RejectedFact[];
}

/**
 * All wishes of one account together or none. Judged in this order: account, model and parameters, quote, expected price, then the ledger's gate
 * (suspension, quote's end and uses, open tasks, plan, credits). `null`: the very reservations are held already, so the command was
 * carried out before.
 */
export function decideSubmissions(
  state: AccountState,
  revision: number,
  at: InstantMs,
  wishes: readonly Wish[],
  terms: SubmissionTerms,
): AcceptedSubmissions | RefusedSubmissions | null {
  if (!state.isOpen) return refused(noSuchAccount());
  const priced: PricedWish[] = [];
  const requests: ReserveRequest[] = [];
  for (const wish of wishes) {
    const price = priceOf(wish, at, terms.catalogue);
    if (isRefusal(price)) return refused(price);
    priced.push({ wish, priced: price });
    requests.push(requestOf(wish, price, terms.catalogue));
  }
  const command = { type: 'Reserve', requests, openTasksMax: terms.policies.openTasksPerAccountMax } as const;
  const decision = decideAccount(state, command, at, terms.ledger);
  if (isRefusal(decision)) return refuseWishes(state, revision, at, decision, priced, terms);
  if (!Array.isArray(decision)) return null;
  const reserved = decision.at(-1);
  invariant(reserved?.type === 'CreditsReserved', 'a reservation ends in its own fact');
  const plan = planAfter(state, decision);
  const decidedAt = reserved.data.decidedAt;
  const tasks = priced.map((each, index): SubmittedFact => ({
    type: 'TaskSubmitted',
    data: submittedData(each, reserved.data.reservations[index]?.drawdown ?? [], plan, revision, at, decidedAt, terms),
  }));
  return { facts: decision, tasks };
}

export function noSuchAccount(): Refusal<'not_found'> {
  return refuse('not_found', 'There is no such account.');
}

function refused(refusal: Refusal): RefusedSubmissions {
  return { refusal, rejections: [] };
}

/** The price the task will be charged: the quote's where there is one, else today's. */
function priceOf(wish: Wish, at: InstantMs, catalogue: SubmissionTerms['catalogue']): Priced | Refusal {
  const { input, quote } = wish;
  const isOwn = quote !== null && quote.accountId === input.accountId && quote.model === input.model;
  // They were judged when the quote was made: today's price may not declare them any more, and a fraction is kept as no request says it.
  const isAsQuoted = isOwn && (input.parameters === undefined || jcs(input.parameters) === jcs(quote.parameters));
  const priced = catalogue.price(input.model, isAsQuoted ? undefined : input.parameters, at);
  if (input.quoteId === undefined) return isRefusal(priced) ? priced : asExpected(priced, input);
  if (isRefusal(priced) && !isOfRetired(priced, input, catalogue)) return priced;
  if (quote === null || quote.accountId !== input.accountId) return refuse('not_found', 'There is no such quote.');
  if (quote.model !== input.model) return refuse('conflict', `Quote ${quote.id} is for ${quote.model}, not for ${input.model}.`);
  const quoted = atQuote(quote, isAsQuoted || isRefusal(priced) ? quote.parameters : priced.parameters, catalogue);
  return isRefusal(quoted) ? quoted : asExpected(quoted, input);
}

/** A model that was retired after it was quoted is still honoured; one that never was, is not. */
function isOfRetired(refusal: Refusal, input: TaskInput, catalogue: SubmissionTerms['catalogue']): boolean {
  return refusal.code === 'unknown_model' && catalogue.model(input.model) !== null;
}

/** The parameters that decide a price: a quote was made for these, and is no price for others. */
const PRICED_PARAMETERS = COMMON_PARAMETERS.slice(0, 3);

function atQuote(quote: QuoteTerms, asked: JsonObject, catalogue: SubmissionTerms['catalogue']): Priced | Refusal {
  const model = catalogue.model(quote.model);
  invariant(model !== null, () => `quote ${quote.id} is for ${quote.model}, which was never listed`);
  const parameters = { ...asked };
  for (const name of PRICED_PARAMETERS) {
    const value = quote.parameters[name];
    if (asked[name] === undefined) {
      if (value !== undefined) parameters[name] = value;
    } else if (asked[name] !== value) {
      return refuse('conflict', `Quote ${quote.id} is for another ${name}; ask for a quote with the parameters of the task.`);
    }
  }
  return { model, credits: quote.unitCredits, priceVersion: quote.priceVersion, parameters };
}

function asExpected(priced: Priced, input: TaskInput): Priced | Refusal<'price_changed'> {
  const { expectedCredits } = input;
  if (expectedCredits === undefined || expectedCredits === priced.credits) return priced;
  const detail = `The task costs ${priced.credits} credits, not ${expectedCredits}.`;
  return refuse('price_changed', detail, { expected: expectedCredits, actual: priced.credits });
}

function requestOf(wish: Wish, priced: Priced, catalogue: SubmissionTerms['catalogue']): ReserveRequest {
  const { taskId, quote } = wish;
  const { model, credits, priceVersion } = priced;
  const minimumPlan = catalogue.plan(model.minimumPlan);
  return {
    reservationId: taskId,
    taskId,
    model: model.id,
    priceVersion,
    credits,
    minimumPlan: model.minimumPlan,
    // A plan that nobody defined is out of reach: unknown is not free.
    minimumPlanRank: minimumPlan?.rank ?? Infinity,
    quote: quote === null ? null : { id: quote.id, quantity: quote.quantity, expiresAt: quote.expiresAt },
  };
}

// ── The facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface PlanSeen {
  plan: string;
  planVersion: number;
}

/** The plan that the reservation was judged under: a boundary that was due may just have changed it. */
function planAfter(state: AccountState, facts: readonly AccountFact[]): string {
  let { plan } = state;
  if (facts.length > 1) for (const fact of facts) if (fact.type === 'CycleReset') plan = fact.data.plan;
  return plan;
}

function submissionData({ wish, priced }: PricedWish, seen: PlanSeen, accountRevision: number, decidedAt: string): SubmissionData {
  const { input, quote, taskId, prompt, metadata } = wish;
  const { model, credits, priceVersion, parameters } = priced;
  const data: SubmissionData = {
    taskId,
    accountId: input.accountId,
    userId: input.userId ?? null,
    model: model.id,
    family: model.family,
    provider: model.provider,
    prompt,
    metadata,
    parameters,
    credits,
    priceVersion,
    quoteId: quote?.id ?? null,
    plan: seen.plan,
    planVersion: seen.planVersion,
    accountRevision,
    decidedAt,
  };
  if (wish.brief !== undefined) data.brief = wish.brief;
  if (wish.variables !== undefined) data.variables = wish.variables;
  return data;
}

function submittedData(
  each: PricedWish,
  drawdown: readonly GrantPart[],
  plan: string,
  accountRevision: number,
  at: InstantMs,
  decidedAt: string,
  terms: SubmissionTerms,
): SubmittedFact['data'] {
  const { policies, ledger } = terms;
  const deadlineMs = each.priced.parameters['deadlineMs'];
  const deadline = at + (typeof deadlineMs === 'number' ? deadlineMs : DEADLINE_MS_DEFAULT);
  const deadlineAt = toIso(deadline);
  const seen = { plan, planVersion: ledger.planTerms(plan)?.version ?? 0 };
  const data = submissionData(each, seen, accountRevision, decidedAt) as SubmittedFact['data'];
  data.drawdown = drawdown.map(({ bucket, grantId, credits, expiresAt }): DrawdownView => ({ bucket, grantId, credits, expiresAt }));
  data.deadlineAt = deadlineAt;
  data.deadlinePolicy = policies.deadlinePolicy;
  data.holdUntil = policies.deadlinePolicy === 'hold_until_verdict' ? toIso(deadline + policies.holdCapMs) : deadlineAt;
  return data;
}

/** Plan and credits are answers for good: the refusal is recorded with all that it was judged on. */
function refuseWishes(
  state: AccountState,
  revision: number,
  at: InstantMs,
  refusal: Refusal,
  wishes: readonly PricedWish[],
  terms: SubmissionTerms,
): RefusedSubmissions {
  const { code } = refusal;
  if (code !== 'insufficient_credits' && code !== 'plan_required') return refused(refusal);
  const decidedAt = toIso(at);
  const rejections = wishes.map((each): RejectedFact => {
    const required = each.priced.credits;
    const requiredPlan = each.priced.model.minimumPlan;
    const rank = terms.catalogue.plan(requiredPlan)?.rank ?? Infinity;
    const seen = previewReserve(state, at, terms.ledger, required, { id: requiredPlan, rank });
    const data = submissionData(each, seen, revision, decidedAt) as RejectedFact['data'];
    data.code = code;
    data.detail = refusal.detail;
    data.required = required;
    data.available = seen.available;
    data.shortfall = seen.shortfall;
    data.requiredPlan = requiredPlan;
    data.accountPlan = seen.plan;
    data.burnOrder = [...terms.ledger.policies.burnOrder];
    data.drawdown = seen.drawdown;
    return { type: 'TaskRejected', data };
  });
  return { refusal, rejections };
}
