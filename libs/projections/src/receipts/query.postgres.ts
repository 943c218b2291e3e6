// query · a task's receipt: task-status knows where its facts stand, the log has them, settlement renders them; also answers settlement's port.
import type { EventStore, Position, StoredFact } from '#libs/event-store';
import { receiptOf, type ReceiptView, type TaskLedgerFacts } from '#libs/settlement';
import type { Visibility } from '../read-models.port.js';
import type { TaskQueries } from '../task-status/query.postgres.js';

export class ReceiptQueries {
  constructor(
    private readonly store: EventStore,
    private readonly tasks: TaskQueries,
  ) {}

  /** As the projection stands: facts that it has not applied yet are left out. */
  async receipt(who: Visibility, taskId: string): Promise<ReceiptView | null> {
    const known = await this.tasks.factsOf(who, taskId);
    if (known === null) return null;
    const [own, ...ledger] = await Promise.all([
      this.store.readStream(known.stream),
      ...known.ledgerPositions.map((position) => this.store.readAt(position)),
    ]);
    const facts = [...own, ...ledger.filter((fact) => fact !== null)].filter((fact) => fact.position <= known.position);
    return receiptOf(taskId, facts.sort(byPosition));
  }
}

/** An index into the log, as {@link TaskLedgerFacts} promises: ascending, as far as projected. */
export class ProjectedTaskLedgerFacts implements TaskLedgerFacts {
  constructor(
    private readonly tasks: TaskQueries,
    private readonly wait: (position: Position, timeoutMs: number) => Promise<boolean>,
  ) {}

  async positionsOf(tenant: string, taskId: string, limit: number): Promise<Position[]> {
    const known = await this.tasks.factsOf({ tenant, accounts: null }, taskId);
    return known?.ledgerPositions.slice(0, limit) ?? [];
  }

  waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    return this.wait(position, timeoutMs);
  }
}

function byPosition(a: StoredFact, b: StoredFact): number {
  return a.position < b.position ? -1 : 1;
}
