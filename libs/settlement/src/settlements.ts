// 5 → 2 · makes an account agree with a task's ending, exactly once; called by the orchestrator for every life, and healed by asking again.
import { commandIdOf, invariant, keyDigest, newCommandId } from '#libs/kernel';
import { tenantStream, type CommandMeta, type EventStore, type Position, type Sessions } from '#libs/event-store';
import type { AccountFact, AccountState, LedgerContextOf } from '#libs/ledger';
import type { TaskState } from '#libs/tasks';
import { ledgerDecision } from './ledger-decisions.js';
import { endingCommand, taskHistory, type KnownCost } from './task-endings.js';

/** Stands as the actor of settlements: no key asked for them. */
export const SETTLEMENT_ACTOR = 'settlement';

/** Where the facts of a settlement come from. */
export interface SettlementCause {
  /** Of the task's submission. */
  correlationId: string;
  /** The id of the fact that ended the task. */
  causationId: string | null;
}

export interface Settled {
  /** Whether the reservation is over now, by this call or an earlier one. False only while the task is not over. */
  settled: boolean;
  /** Of the last fact that this call wrote; null when it wrote none. */
  position: Position | null;
  /** The account's facts of this call. */
  facts: readonly AccountFact[];
}

const NOT_OVER: Settled = { settled: false, position: null, facts: [] };
const NOTHING_TO_DO: Settled = { settled: true, position: null, facts: [] };

export class Settlements {
  constructor(
    private readonly store: EventStore,
    private readonly accounts: Sessions<AccountState>,
    private readonly contextOf: LedgerContextOf,
  ) {}

  /**
   * Settles from a state that the caller just wrote or read, without reading again. Exactly once by the account's own record: a reservation
   * that is over is not there any more, and its absence is only believed at the stream's head. Any number of callers, in any order.
   * Throws EventStoreUnavailable and SessionsOverloaded; asking again is safe.
   */
  async settle(tenant: string, task: TaskState, cause: SettlementCause): Promise<Settled> {
    // Costs that a late result brought are told from the others by their place in the stream.
    if (task.late !== null) return this.settleFromLog(tenant, task.taskId, cause.causationId);
    return this.settleEnding(tenant, task, cause);
  }

  private async settleEnding(tenant: string, task: TaskState, cause: SettlementCause): Promise<Settled> {
    const command = endingCommand(task);
    if (command === null) return task.status === 'rejected' ? NOTHING_TO_DO : NOT_OVER;
    const meta: CommandMeta = { commandId: newCommandId(), tenant, actor: SETTLEMENT_ACTOR, ...cause, requestHash: null };
    const stream = tenantStream('account', tenant, task.accountId);
    const outcome = await this.accounts.execute(stream, meta, ledgerDecision(command, this.contextOf, meta));
    switch (outcome.kind) {
      case 'appended':
        return { settled: true, position: outcome.position, facts: outcome.result };
      case 'unchanged':
        return NOTHING_TO_DO;
      default:
        invariant(false, () => `the settlement of ${task.taskId} ended as ${JSON.stringify(outcome)}`);
    }
  }

  /** The same from the task's stream, late results' costs included: what a caller without the state asks, and what heals after a crash. */
  async settleFromLog(tenant: string, taskId: string, causationId: string | null): Promise<Settled> {
    const history = taskHistory(await this.store.readStream(tenantStream('task', tenant, taskId)));
    if (history === null || history.ending === null) return NOT_OVER;
    const { atEnding, ending, lateCosts, submission } = history;
    const cause = { correlationId: submission.correlationId, causationId: causationId ?? ending.id };
    const settled = await this.settleEnding(tenant, atEnding, cause);
    let { position } = settled;
    const facts = [...settled.facts];
    for (const cost of lateCosts) {
      const booked = await this.bookLateCost(tenant, atEnding.accountId, taskId, cost, cause);
      if (booked === null) continue;
      position = booked.position;
      facts.push(...booked.facts);
    }
    return { settled: true, position, facts };
  }

  /**
   * A late verdict's cost is known to no one but its own fact on the account, so its command carries a key of its own, made of the attempt:
   * the log refuses the second booking for good. An HTTP key is never empty, so no request can stand in its way.
   */
  private async bookLateCost(
    tenant: string,
    accountId: string,
    taskId: string,
    cost: KnownCost,
    cause: SettlementCause,
  ): Promise<Settled | null> {
    const digest = keyDigest(tenant, '', `late-cost ${taskId} ${cost.attempt}`);
    if ((await this.store.findByKeyDigests([digest])).size > 0) return null;
    const meta: CommandMeta = {
      commandId: commandIdOf(digest),
      tenant,
      actor: SETTLEMENT_ACTOR,
      ...cause,
      requestHash: null,
      keyDigest: digest,
    };
    const command = { type: 'BookProviderCost', taskId, providerCost: cost } as const;
    const stream = tenantStream('account', tenant, accountId);
    const outcome = await this.accounts.execute(stream, meta, ledgerDecision(command, this.contextOf, meta));
    switch (outcome.kind) {
      case 'appended':
        return outcome.repeated ? null : { settled: true, position: outcome.position, facts: outcome.result };
      case 'key_conflict':
        return null;
      default:
        invariant(false, () => `the late cost of ${taskId} ended as ${JSON.stringify(outcome)}`);
    }
  }
}
