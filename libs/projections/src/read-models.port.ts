// query · what the API reads: projected rows and nothing else. Every answer carries the position that it stands at.
import type { Credits, InstantMs } from '#libs/kernel';
import type {
  AccountView,
  AdjustmentStatus,
  AdjustmentView,
  BalanceView,
  Bucket,
  DisputeStatus,
  DisputeView,
  GrantView,
  MovementType,
  MovementView,
} from '#libs/ledger';
import type { ReceiptView } from '#libs/settlement';
import type { TaskStatus, TaskView } from '#libs/tasks';
import type { Position } from '#libs/event-store';
import type { TimelineKind } from './user-timeline/entries-of.js';

export interface Page<Row> {
  data: Row[];
  nextCursor: string | null;
}

export interface PageQuery {
  /** 1…200 */
  limit: number;
  /** Opaque, from the page before; a cursor that cannot be read is {@link InvalidCursor}. */
  cursor: string | null;
}

export class InvalidCursor extends Error {
  override readonly name = 'InvalidCursor';
}

/** `accounts`: what the caller's key may see; null is everything of the tenant. */
export interface Visibility {
  tenant: string;
  accounts: readonly string[] | null;
}

export interface TaskListQuery extends PageQuery {
  accountId?: string;
  /** Without it rejected submissions are left out. */
  status?: TaskStatus;
  userId?: string;
  model?: string;
  from?: InstantMs;
  to?: InstantMs;
}

export interface MovementListQuery extends PageQuery {
  from?: InstantMs;
  to?: InstantMs;
  bucket?: Bucket;
  type?: MovementType;
  taskId?: string;
  order: 'asc' | 'desc';
}

export interface DisputeListQuery extends PageQuery {
  accountId?: string;
  status?: DisputeStatus;
}

export interface AdjustmentListQuery extends PageQuery {
  accountId?: string;
  status?: AdjustmentStatus;
}

export interface TaskEventView {
  type: string;
  at: string;
  position: Position;
  data: object;
}

/** finance.md's user history. */
export interface TimelineEntryView {
  at: string;
  kind: TimelineKind;
  accountId: string;
  taskId: string;
  type: string;
  summary: string;
  credits: Credits;
  position: Position;
  eventId: string;
}

export interface ReadModels {
  account(who: Visibility, accountId: string): Promise<AccountView | null>;
  accounts(who: Visibility, page: PageQuery): Promise<Page<AccountView>>;
  /** Validity of grants judged at `at` (default now); for a past `asOf` see AccountHistory. */
  balance(who: Visibility, accountId: string, at: InstantMs): Promise<BalanceView | null>;
  grants(who: Visibility, accountId: string, page: PageQuery): Promise<Page<GrantView> | null>;
  movements(who: Visibility, accountId: string, query: MovementListQuery): Promise<Page<MovementView> | null>;
  /** Newest first, as are adjustments. */
  disputes(who: Visibility, query: DisputeListQuery): Promise<Page<DisputeView>>;
  dispute(who: Visibility, disputeId: string): Promise<DisputeView | null>;
  adjustments(who: Visibility, query: AdjustmentListQuery): Promise<Page<AdjustmentView>>;
  adjustment(who: Visibility, adjustmentId: string): Promise<AdjustmentView | null>;
  task(who: Visibility, taskId: string): Promise<TaskView | null>;
  tasks(who: Visibility, query: TaskListQuery): Promise<Page<TaskView>>;
  receipt(who: Visibility, taskId: string): Promise<ReceiptView | null>;
  /** Newest first; null for a user that was never seen. */
  userHistory(who: Visibility, userId: string, page: PageQuery): Promise<Page<TimelineEntryView> | null>;
  /** Where every active read model has got to. */
  position(): Promise<Position>;
  /** Waits until every active read model has applied it; false after `timeoutMs`. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
  status(): Promise<ProjectionStatus[]>;
  /** For /metrics: tasks by status, credits held. */
  totals(): Promise<{ tasksByStatus: Partial<Record<TaskStatus, number>>; creditsHeld: Credits }>;
}

export interface ProjectionStatus {
  name: string;
  version: number;
  position: Position;
  /** Facts' age that it is behind the head, ms; 0 at the head. */
  lagMs: number;
  failure: { position: Position; eventId: string; error: string; at: string } | null;
  leased: boolean;
}
