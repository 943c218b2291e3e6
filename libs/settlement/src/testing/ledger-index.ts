// An index of the ledger's facts by task for tests: what projections answer, read straight off the log, and as late as a test wants it.
import { POSITION_START, tenantStream, type EventStore, type Position } from '#libs/event-store';
import { foldReceipt, initialReceipt } from '../receipt.js';
import type { TaskLedgerFacts } from '../task-ledger-facts.port.js';

export class LogLedgerIndex implements TaskLedgerFacts {
  /** Where the index has got to; null: it keeps up. */
  stoppedAt: Position | null = null;

  constructor(private readonly store: EventStore) {}

  async positionsOf(tenant: string, taskId: string, limit: number): Promise<Position[]> {
    const { facts } = await this.store.readAll({
      after: POSITION_START,
      limit: 1_000_000,
      streamPrefixes: [tenantStream('account', tenant, '')],
    });
    const named = facts.filter((fact) => foldReceipt(initialReceipt(taskId), fact).position !== '');
    return named.map((fact) => fact.position).slice(0, limit);
  }

  waitFor(position: Position): Promise<boolean> {
    return Promise.resolve(this.stoppedAt === null || position <= this.stoppedAt);
  }
}
