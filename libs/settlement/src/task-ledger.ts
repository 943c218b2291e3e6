// 2 decide · what the log says of one task on both of its streams; read by cancellations, goodwill and late results before they answer.
import { refuse, type JsonObject, type JsonValue, type Refusal } from '#libs/kernel';
import {
  tenantStream,
  type CustomerKeys,
  type EventStore,
  type Position,
  type RequestContext,
  type Sessions,
  type StoredFact,
} from '#libs/event-store';
import { isVisible } from '#libs/ledger';
import { settlementOf, type TaskFigures, type TaskState, type TaskTexts } from '#libs/tasks';
import { foldReceipt, initialReceipt } from './receipt.js';
import type { TaskLedgerFacts } from './task-ledger-facts.port.js';

/** A task and its account, as the key that asks may see them. */
export interface TaskSeen {
  stream: string;
  /** The caller's own copy. */
  state: TaskState;
  revision: number;
  at: number;
}

export const TASK_ID_PATTERN = /^task_[0-9a-f]{32}$/;
const INDEX_WAIT_MS = 2_000;
/** A task has few; goodwill in single credits could make many. */
const LEDGER_FACTS_MAX = 10_000;

export class TaskLedger {
  constructor(
    private readonly store: EventStore,
    private readonly tasks: Sessions<TaskState>,
    private readonly keys: CustomerKeys,
    private readonly index: TaskLedgerFacts,
  ) {}

  /** The task at its head; null where there is none, or none that the key may see. */
  async find(context: RequestContext, taskId: string): Promise<TaskSeen | null> {
    if (!TASK_ID_PATTERN.test(taskId)) return null;
    const stream = tenantStream('task', context.tenant, taskId);
    const seen = await this.see(stream);
    return seen.state.exists && isVisible(context, seen.state.accountId) ? seen : null;
  }

  see(stream: string): Promise<TaskSeen> {
    return this.tasks.read(stream, (state, revision, at) => ({ stream, state: structuredClone(state), revision, at }));
  }

  /** As it stood after a revision. */
  async seenAt(stream: string, revision: number): Promise<TaskState> {
    return (await this.tasks.stateAt(stream, { revision })).state;
  }

  /**
   * The account's facts that name the task, in log order, up to the position (default: the log's head): found by the index, read from the log. Null
   * when the index does not get there in time.
   */
  async factsOf(tenant: string, task: Pick<TaskState, 'taskId' | 'accountId'>, until?: Position): Promise<StoredFact[] | null> {
    const position = until ?? (await this.store.head());
    if (!(await this.index.waitFor(position, INDEX_WAIT_MS))) return null;
    const positions = await this.index.positionsOf(tenant, task.taskId, LEDGER_FACTS_MAX);
    const stream = tenantStream('account', tenant, task.accountId);
    const facts = await Promise.all(positions.filter((each) => each <= position).map((each) => this.store.readAt(each)));
    return facts.filter((fact) => fact !== null).filter((fact) => fact.stream === stream);
  }

  /** Prompt, its variables and metadata; null where there are none, or the customer was forgotten. */
  async textsOf(tenant: string, { taskId, accountId }: Pick<TaskState, 'taskId' | 'accountId'>): Promise<TaskTexts> {
    const [[submission], opener] = await Promise.all([
      this.store.readStream(tenantStream('task', tenant, taskId), { limit: 1 }),
      this.keys.openerFor(tenant, accountId),
    ]);
    const sealed = submission?.sealed ?? null;
    const texts: Record<string, JsonValue> = sealed === null || opener === null ? {} : opener.open(sealed);
    const { prompt = null, metadata = null, variables = null } = texts;
    return { prompt: typeof prompt === 'string' ? prompt : null, metadata, variables };
  }
}

/** An account's fact, stored or just decided. */
interface LedgerFact {
  type: string;
  data: object;
}

/** What the ledger's facts make of the task's credits: the same figures that the task's read model shows. */
export function figuresOf(taskId: string, facts: readonly LedgerFact[]): TaskFigures {
  const state = initialReceipt(taskId);
  for (const { type, data } of facts) foldReceipt(state, { id: '', position: '', type, data: data as JsonObject });
  const consumed = state.consumed + state.overConsumed - state.goodwill;
  const refunded = state.returned + state.reissued + state.goodwill;
  // A task without a price moves nothing: then the facts' types alone tell its ending.
  const endedBy = facts.some(({ type }) => type === 'CreditsConsumed') ? 'consumed' : 'refunded';
  const reservation = state.reservations === 0 ? null : ({ isOpen: state.openReservations > 0, consumed, refunded, endedBy } as const);
  const held = state.held - state.consumed - state.returned - state.reissued;
  return { held, consumed, refunded, settlement: settlementOf(reservation) };
}

/** The same for a task that had nothing but its first hold before these facts. */
export function figuresFromHold({ taskId, credits }: TaskState, facts: readonly LedgerFact[]): TaskFigures {
  const reserved = { type: 'CreditsReserved', data: { decidedAt: '', reservations: [{ taskId, credits, drawdown: [] }] } };
  return figuresOf(taskId, [reserved, ...facts]);
}

export function noSuchTask(): Refusal<'not_found'> {
  return refuse('not_found', 'There is no such task.');
}

export function notIndexedYet(): Refusal<'not_ready'> {
  return refuse('not_ready', 'The facts of this task are not indexed yet; try again.');
}
