// 4 project · one attempt as the read model `attempts` keeps it, and what each fact of its task, its clip or the ledger makes of it; called by project.ts.
import { type Decimal, formatDecimal, fromIso, type InstantMs, invariant, type Iso, parseDecimal } from '#libs/kernel';
import type { Position, StoredFact } from '#libs/event-store';
import {
  type AttemptState,
  type ClipFact,
  type ClipState,
  evolveClip,
  loggedPromptVersion,
  promptVersionId,
  type RejectionReason,
} from '#libs/studio';
import type { StoredAsset, TaskBrief, TaskFact } from '#libs/tasks';
import type { Contribution } from './contribution.js';
import type { TaskCosts } from './costs-of.js';

/** What is known of its clip beside its state. */
export interface ClipPart {
  state: ClipState;
  /** Revision of a fact → its note, encrypted. */
  sealed: Record<string, string>;
  /** Since when it waits for a human. */
  waitingSince: InstantMs | null;
}

/** All of it is kept as JSON, in the order of these members. Sums are exact decimal strings, money in minor units by currency. */
export interface Attempt {
  clipId: string;
  /** Null for an imported attempt. */
  taskId: string | null;
  accountId: string | null;
  briefId: string;
  promptId: string;
  /** As the log writes it, `v2`; '' for a prompt that was written by hand. */
  promptVersion: string;
  promptVersionId: string | null;
  model: string;
  createdAt: InstantMs;
  /** Null while it counts nowhere. */
  state: AttemptState | null;
  /** As decided, of the last rejection or request for a revision; none since it was approved. */
  reasons: RejectionReason[];
  /** Whether a provider was ever asked. */
  isDispatched: boolean;
  durationSeconds: string | null;
  reviewMinutes: string;
  brandReviewMinutes: string;
  editingMinutes: string;
  creditsUsed: string;
  unpricedCredits: string;
  ledgerCost: Record<string, string>;
  providerCost: Record<string, string>;
  /** As the provider, or the imported log, says it. */
  assetUrl: string | null;
  /** Where we keep it. */
  storedUrl: string | null;
  clip: ClipPart | null;
}

/** An attempt in the engine's memory. */
export interface AttemptRow {
  stream: string;
  tenant: string;
  position: Position;
  attempt: Attempt;
  /** What the cells count of it; null where they count nothing. */
  counted: Contribution | null;
}

const WAITING: ReadonlySet<AttemptState> = new Set(['review_pending', 'brand_review']);

/** Nothing more is expected of it soon. */
export function isAtRest({ attempt }: AttemptRow): boolean {
  return attempt.state !== null && (attempt.clip === null ? attempt.state === 'generation_failed' : !WAITING.has(attempt.state));
}

export function submittedAttempt(clipId: string, data: Extract<TaskFact, { type: 'TaskSubmitted' }>['data'], brief: TaskBrief): Attempt {
  const { promptId, promptVersion } = brief;
  const seconds = data.parameters['durationSeconds'];
  return {
    ...emptyAttempt(clipId, fromIso(data.decidedAt)),
    taskId: data.taskId,
    accountId: data.accountId,
    briefId: brief.briefId,
    ...promptOf(promptId, promptVersion),
    model: data.model,
    durationSeconds: typeof seconds === 'number' || typeof seconds === 'string' ? String(seconds) : null,
  };
}

function promptOf(promptId: string | null, version: number | null): Pick<Attempt, 'promptId' | 'promptVersion' | 'promptVersionId'> {
  if (promptId === null || version === null) return { promptId: '', promptVersion: '', promptVersionId: null };
  return { promptId, promptVersion: `v${version}`, promptVersionId: promptVersionId(promptId, version) };
}

function emptyAttempt(clipId: string, createdAt: InstantMs): Attempt {
  return {
    clipId,
    taskId: null,
    accountId: null,
    briefId: '',
    promptId: '',
    promptVersion: '',
    promptVersionId: null,
    model: '',
    createdAt,
    state: null,
    reasons: [],
    isDispatched: false,
    durationSeconds: null,
    ...{ reviewMinutes: '0', brandReviewMinutes: '0', editingMinutes: '0', creditsUsed: '0', unpricedCredits: '0' },
    ledgerCost: {},
    providerCost: {},
    assetUrl: null,
    storedUrl: null,
    clip: null,
  };
}

/** Types of a task's facts that say something of its attempt, its submission left aside. */
export const TASK_FACTS: ReadonlySet<string> = new Set([
  'TaskDispatched',
  'TaskCompleted',
  'TaskFailed',
  'TaskTimedOut',
  'TaskCancelled',
  'LateResultArrived',
  'LateResultAccepted',
  'TaskAssetsStored',
]);

export function foldTaskFact(attempt: Attempt, stored: StoredFact): void {
  const fact = stored as unknown as TaskFact;
  switch (fact.type) {
    case 'TaskDispatched':
      attempt.isDispatched = true;
      return;
    case 'TaskCompleted':
      takeAsset(attempt, fact.data.assets, fact.data.actualDurationSeconds);
      end(attempt, 'generated');
      return;
    case 'TaskFailed':
    case 'TaskTimedOut':
      end(attempt, 'generation_failed');
      return;
    case 'TaskCancelled':
      if (attempt.isDispatched) end(attempt, 'generation_failed');
      return;
    case 'LateResultArrived':
      if (fact.data.outcome === 'succeeded') takeAsset(attempt, fact.data.assets, null);
      return;
    case 'LateResultAccepted':
      end(attempt, 'generated');
      return;
    case 'TaskAssetsStored':
      storeAsset(attempt, fact.data.assets);
      return;
    default:
      return;
  }
}

/** Once there is a clip, its review says where the attempt stands. */
function end(attempt: Attempt, state: AttemptState): void {
  if (attempt.clip === null) attempt.state = state;
}

function takeAsset(attempt: Attempt, assets: ReadonlyArray<{ url: string; durationSeconds: string | null }>, actual: string | null): void {
  const [asset] = assets;
  if (asset === undefined) return;
  attempt.assetUrl = asset.url;
  attempt.durationSeconds = actual ?? asset.durationSeconds ?? attempt.durationSeconds;
}

/** A clip is its task's first asset. */
function storeAsset(attempt: Attempt, assets: readonly StoredAsset[]): void {
  const asset = assets.find(({ sourceUrl }) => sourceUrl === attempt.assetUrl) ?? assets.find(({ index }) => index === 0);
  if (asset === undefined) return;
  attempt.storedUrl = asset.url;
  attempt.durationSeconds ??= asset.durationSeconds;
}

export function foldCosts(attempt: Attempt, costs: TaskCosts): void {
  attempt.creditsUsed = String(BigInt(attempt.creditsUsed) + BigInt(costs.credits));
  attempt.unpricedCredits = String(BigInt(attempt.unpricedCredits) + BigInt(costs.unpriced));
  addMoney(attempt.ledgerCost, costs.ledger);
  addMoney(attempt.providerCost, costs.provider);
}

function addMoney(sums: Record<string, string>, amounts: TaskCosts['ledger']): void {
  for (const [currency, amount] of amounts) sums[currency] = String(BigInt(sums[currency] ?? '0') + BigInt(amount));
}

/** The first fact of a clip's stream, on top of what is known of its task. */
export function clipAttempt(known: Attempt | null, stored: StoredFact): Attempt {
  const fact = stored as unknown as ClipFact;
  invariant(fact.type === 'ClipGenerated' || fact.type === 'AttemptImported', () => `${stored.stream} begins with ${fact.type}`);
  const attempt = fact.type === 'AttemptImported' ? importedAttempt(fact.data) : (known ?? generatedAttempt(fact.data));
  const state = evolveClip(null, fact, stored.position);
  attempt.assetUrl ??= state.assetUrl;
  attempt.clip = { state, sealed: {}, waitingSince: null };
  return standAsReviewed(attempt, fact.data.decidedAt);
}

/** Each fact of a clip's stream but the first. */
export function foldClipFact(attempt: Attempt, stored: StoredFact): void {
  const { clip } = attempt;
  invariant(clip !== null, () => `${stored.stream} goes on without a beginning`);
  const fact = stored as unknown as ClipFact;
  evolveClip(clip.state, fact, stored.position);
  if (stored.sealed !== null) clip.sealed[String(stored.revision)] = stored.sealed;
  if (fact.type !== 'ClipPerformanceNoted') standAsReviewed(attempt, fact.data.decidedAt);
}

/** Where the review stands, the attempt stands. */
function standAsReviewed(attempt: Attempt, at: Iso): Attempt {
  const clip = attempt.clip as ClipPart;
  const { state, reasons, reviewMinutes, brandReviewMinutes, editingMinutes } = clip.state;
  Object.assign(attempt, { state, reasons, reviewMinutes, brandReviewMinutes, editingMinutes });
  clip.waitingSince = WAITING.has(state) ? fromIso(at) : null;
  return attempt;
}

function generatedAttempt(data: Extract<ClipFact, { type: 'ClipGenerated' }>['data']): Attempt {
  const { clipId, taskId, accountId, briefId, promptId, promptVersion, model, asset, decidedAt } = data;
  return {
    ...emptyAttempt(clipId, fromIso(decidedAt)),
    ...{ taskId, accountId, briefId, ...promptOf(promptId, promptVersion), model, durationSeconds: asset.durationSeconds },
  };
}

function importedAttempt({ clipId, attempt: log }: Extract<ClipFact, { type: 'AttemptImported' }>['data']): Attempt {
  const cents = formatDecimal(shifted(decimalOf(log.generation_cost_usd), 2));
  return {
    ...emptyAttempt(clipId, fromIso(log.created_at)),
    briefId: log.brief_id,
    promptId: log.prompt_id,
    promptVersion: log.prompt_version,
    promptVersionId: loggedPromptVersion(log) || null,
    model: log.model,
    isDispatched: true,
    durationSeconds: log.duration_seconds,
    creditsUsed: log.credits_used,
    ledgerCost: { USD: cents },
    providerCost: { USD: cents },
  };
}

function decimalOf(text: string): Decimal {
  const value = parseDecimal(text, { integerDigitsMax: 64, fractionDigitsMax: 64 });
  invariant(value !== null, () => `not a decimal: ${text}`);
  return value;
}

/** Times 10 to the power of `places`. */
function shifted({ digits, scale }: Decimal, places: number): Decimal {
  return scale >= places ? { digits, scale: scale - places } : { digits: digits * 10n ** BigInt(places - scale), scale: 0 };
}
