// The task as clients see it (api.md); rendered from facts for a write's answer, from projected rows for a read.
import { toIso } from '#libs/kernel';
import type { Credits, JsonValue, Money } from '#libs/kernel';
import { liveAttempt } from './task.decider.js';
import type { TaskState, TaskStatus } from './task.state.js';

export type SettlementView = 'open' | 'consumed' | 'refunded' | 'partial' | 'none';

export interface TaskView {
  id: string;
  accountId: string;
  userId: string | null;
  model: string;
  status: TaskStatus;
  /** True while we do not know whether the provider has it, or whether it will still answer. */
  uncertain: boolean;
  progress: number | null;
  credits: { quoted: Credits; held: Credits; consumed: Credits; refunded: Credits };
  settlement: SettlementView;
  attempts: Array<{ number: number; provider: string; status: string; providerJobId: string | null; cost: Money | null }>;
  assets: AssetView[];
  failure: { code: string; detail: string; blame: 'customer' | 'provider' | 'platform'; retryable: boolean } | null;
  /** Policy `offer`: a late result waits to be taken at the quoted price. */
  lateResult: { policy: string; outcome: string; accepted: boolean } | null;
  /** As it was rendered, where the task names a prompt version. */
  prompt: string | null;
  briefId: string | null;
  promptVersionId: string | null;
  /** Of the brief, when the task was submitted. */
  briefRevision: number | null;
  /** What the prompt was rendered with beside the brief's own fields. */
  variables: JsonValue;
  parameters: JsonValue;
  metadata: JsonValue;
  quoteId: string | null;
  priceVersion: string;
  deadlineAt: string | null;
  createdAt: string;
  updatedAt: string;
  revision: number;
  position: string;
  urls: { self: string; events: string; receipt: string; cancel: string };
}

/** `url` is our own copy's once there is one, and its maker's until then. */
export interface AssetView {
  url: string;
  mediaType: string;
  /** As its maker says; as measured where it does not. */
  durationSeconds: string | null;
  late: boolean;
  /** Whether it is kept by us; what follows is known of such an asset alone. */
  stored: boolean;
  sha256: string | null;
  bytes: number | null;
  width: number | null;
  height: number | null;
}

/** What the ledger's facts say of the task: `held` now, `consumed` net of goodwill, `refunded` goodwill included. */
export interface TaskFigures {
  held: Credits;
  consumed: Credits;
  refunded: Credits;
  settlement: SettlementView;
}

/** The erasable texts, opened; null where there are none or the customer was forgotten. */
export interface TaskTexts {
  prompt: string | null;
  metadata: JsonValue;
  /** Only of a task whose prompt was rendered. */
  variables?: JsonValue;
}

/** Where the task's stream, or the later of it and its reservation's fact, stands. */
export interface TaskPlace {
  revision: number;
  position: string;
}

export interface ReservationFigures {
  isOpen: boolean;
  consumed: Credits;
  refunded: Credits;
  /** Which fact ended it: tells apart what the figures cannot, the endings of a task that cost 0 credits. */
  endedBy?: 'consumed' | 'refunded';
}

/** Folds the settlement from ledger figures; it is never kept beside them. `consumed` net of goodwill, `refunded` with it. */
export function settlementOf(reservation: ReservationFigures | null): SettlementView {
  if (reservation === null) return 'none';
  if (reservation.isOpen) return 'open';
  if (reservation.consumed === 0 && reservation.refunded === 0) return reservation.endedBy ?? 'consumed';
  if (reservation.refunded === 0) return 'consumed';
  return reservation.consumed === 0 ? 'refunded' : 'partial';
}

/** No reservation was ever made: a refused submission. */
export const NO_FIGURES: TaskFigures = { held: 0, consumed: 0, refunded: 0, settlement: 'none' };

/** The figures of a task whose reservation was just made. */
export function heldFigures(credits: Credits): TaskFigures {
  return { held: credits, consumed: 0, refunded: 0, settlement: 'open' };
}

/** Renders api.md's task; pure, so that a replayed write and a projected read say the same. */
export function taskView(state: TaskState, figures: TaskFigures, texts: TaskTexts, place: TaskPlace): TaskView {
  const isRejected = state.status === 'rejected';
  const self = `/v1/tasks/${state.taskId}`;
  return {
    id: state.taskId,
    accountId: state.accountId,
    userId: state.userId,
    model: state.model,
    status: state.status,
    uncertain: liveAttempt(state)?.status === 'submission_unknown',
    progress: state.percent,
    credits: { quoted: isRejected ? 0 : state.credits, held: figures.held, consumed: figures.consumed, refunded: figures.refunded },
    settlement: figures.settlement,
    attempts: state.attempts.map(({ number, provider, status, providerJobId, cost }) => ({
      number,
      provider,
      status,
      providerJobId,
      cost,
    })),
    assets: state.assets.map(assetView),
    failure: state.failure,
    lateResult: state.late === null ? null : { policy: state.late.policy, outcome: state.late.outcome, accepted: state.late.accepted },
    prompt: texts.prompt,
    briefId: state.brief?.briefId ?? null,
    promptVersionId: state.brief?.promptVersionId ?? null,
    briefRevision: state.brief?.briefRevision ?? null,
    variables: texts.variables ?? null,
    parameters: state.parameters,
    metadata: texts.metadata,
    quoteId: state.quoteId,
    priceVersion: state.priceVersion,
    deadlineAt: isRejected ? null : toIso(state.deadlineAt),
    createdAt: toIso(state.createdAt),
    updatedAt: toIso(state.updatedAt),
    revision: place.revision,
    position: place.position,
    urls: { self, events: `${self}/events`, receipt: `${self}/receipt`, cancel: `${self}/cancel` },
  };
}

function assetView({ url, mediaType, durationSeconds, late, kept }: TaskState['assets'][number]): AssetView {
  return {
    url: kept?.url ?? url,
    mediaType: kept?.mediaType ?? mediaType,
    durationSeconds: durationSeconds ?? kept?.durationSeconds ?? null,
    late,
    stored: kept !== undefined,
    sha256: kept?.sha256 ?? null,
    bytes: kept?.bytes ?? null,
    width: kept?.width ?? null,
    height: kept?.height ?? null,
  };
}

/** The answer of a submission: everything held, nothing settled. */
export function submittedTaskView(state: TaskState, texts: TaskTexts, place: TaskPlace): TaskView {
  return taskView(state, heldFigures(state.credits), texts, place);
}

/** A refused submission as it is listed: it held and cost nothing. */
export function rejectedTaskView(state: TaskState, texts: TaskTexts, place: TaskPlace): TaskView {
  return taskView(state, NO_FIGURES, texts, place);
}
