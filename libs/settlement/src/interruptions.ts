// 5 → 2 · heals what a crash left between the two streams of one command, where the store does not write them as one; called by the watch and by late requests.
import { setTimeout as pause } from 'node:timers/promises';
import { commandIdOf, fromIso, invariant, isRefusal, keyDigest, toIso, type Clock, type JsonObject } from '#libs/kernel';
import { DEADLINE_MS_DEFAULT, type Catalogue } from '#libs/catalogue';
import {
  EventStoreUnavailable,
  NO_STREAM,
  tenantStream,
  type CommandMeta,
  type EventStore,
  type NewFact,
  type Sessions,
  type StoredFact,
} from '#libs/event-store';
import type { AccountCommand, AccountFact, AccountState, LedgerContextOf, ReservationTerms } from '#libs/ledger';
import { decideTask, TASK_FACT_VERSIONS, type Failure, type TaskFact } from '#libs/tasks';
import { ledgerDecision, taskNewFacts } from './ledger-decisions.js';
import { lateReservationId } from './late-reservation.js';
import type { SettlementPolicies } from './settlement.policies.js';
import { SETTLEMENT_ACTOR, type Settlements } from './settlements.js';
import type { SubmittedFact } from './submission.decider.js';
import { taskHistory } from './task-endings.js';

export const INTERRUPTED: Failure = {
  code: 'submission_interrupted',
  detail: 'The credits were held, but the task was not opened before the process that did both ended. Nothing was charged.',
  blame: 'platform',
  retryable: true,
};

export interface InterruptionParts {
  store: EventStore;
  accounts: Sessions<AccountState>;
  settlements: Pick<Settlements, 'settleFromLog'>;
  catalogue: Pick<Catalogue, 'model' | 'refresh'>;
  contextOf: LedgerContextOf;
  policies: SettlementPolicies;
  clock: Clock;
}

type Reserved = Extract<AccountFact, { type: 'CreditsReserved' }>['data'];

const ATTEMPTS_MAX = 20;
const STANDING_WAIT_MS = 2_000;
const STANDING_LOOK_MS = 50;

/**
 * Every hold has a task, or is given back. Whoever comes to heal only writes what the exact revision of a stream lets through, so
 * any number of healers, and the submission itself coming late, agree on what became of the task: whoever opened its stream.
 */
export class Interruptions {
  constructor(private readonly parts: InterruptionParts) {}

  /** Of a `CreditsReserved` that had its time: each hold whose task was not opened is failed and given back. */
  async heal(reserved: StoredFact): Promise<void> {
    const { reservations } = reserved.data as unknown as Reserved;
    for (const reservation of reservations) {
      if (reservation.reservationId === lateReservationId(reservation.taskId)) await this.healLate(reserved, reservation);
      else await this.healSubmission(reserved, reservation);
    }
  }

  /** The task's stream as soon as it has a first fact; throws EventStoreUnavailable where it gets none in time. */
  async taskOf(tenant: string, taskId: string): Promise<StoredFact[]> {
    const until = performance.now() + STANDING_WAIT_MS;
    for (;;) {
      const facts = await this.parts.store.readStream(tenantStream('task', tenant, taskId));
      if (facts.length > 0) return facts;
      if (performance.now() >= until) throw new EventStoreUnavailable(`${taskId} is being opened still`);
      await pause(STANDING_LOOK_MS);
    }
  }

  private async healSubmission(reserved: StoredFact, reservation: ReservationTerms): Promise<void> {
    const { store, settlements } = this.parts;
    const { tenant } = reserved;
    const { taskId } = reservation;
    const stream = tenantStream('task', tenant, taskId);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const [first] = await store.readStream(stream, { limit: 1 });
      if (first === undefined) {
        const facts = await this.interruptedTask(reserved, reservation);
        const meta = healMeta(reserved, `interrupted ${taskId}`);
        await store.append({ meta, appends: [{ stream, expectedRevision: NO_STREAM, facts }] });
        continue;
      }
      if (isOpenedBy(first, reserved)) await settlements.settleFromLog(tenant, taskId, null);
      else if (isOpenedBefore(first, reserved)) await this.release(reserved, reservation);
      return;
    }
    throw new EventStoreUnavailable(`what was written to ${stream} cannot be read`);
  }

  /** As far as the hold knows it: the wish itself, its texts and parameters, never reached the log. */
  private async interruptedTask(reserved: StoredFact, reservation: ReservationTerms): Promise<NewFact[]> {
    const { accounts, contextOf, policies, clock } = this.parts;
    const { decidedAt } = reserved.data as unknown as Reserved;
    const { taskId, credits, priceVersion, quoteId, drawdown } = reservation;
    const model = await this.modelOf(reservation.model);
    const account = await accounts.stateAt(reserved.stream, { revision: reserved.revision });
    const { plan } = account.state;
    const deadlineAt = toIso(fromIso(decidedAt) + DEADLINE_MS_DEFAULT);
    const submitted: SubmittedFact = {
      type: 'TaskSubmitted',
      data: {
        taskId,
        accountId: reserved.stream.slice(reserved.stream.indexOf('.') + 1),
        userId: null,
        model: reservation.model,
        family: model.family,
        provider: model.provider,
        prompt: null,
        metadata: null,
        parameters: {},
        credits,
        priceVersion,
        quoteId,
        plan,
        planVersion: contextOf(healMeta(reserved, taskId).commandId).planTerms(plan)?.version ?? 0,
        accountRevision: reserved.revision - 1,
        decidedAt,
        drawdown: drawdown.map(({ bucket, grantId, credits: part, expiresAt }) => ({ bucket, grantId, credits: part, expiresAt })),
        deadlineAt,
        deadlinePolicy: policies.deadlinePolicy,
        holdUntil: deadlineAt,
      },
    };
    const failed: TaskFact = {
      type: 'TaskFailed',
      data: { attempt: null, failure: INTERRUPTED, cost: null, decidedAt: toIso(Math.max(clock.now(), reserved.recordedAt)) },
    };
    return [submitted, failed].map(({ type, data }) => ({
      type,
      schemaVersion: TASK_FACT_VERSIONS[type],
      data: data as unknown as JsonObject,
    }));
  }

  private async modelOf(id: string): Promise<{ family: string; provider: string }> {
    const { catalogue } = this.parts;
    if (catalogue.model(id) === null) await catalogue.refresh();
    const model = catalogue.model(id);
    invariant(model !== null, () => `credits are held for ${id}, which was never listed`);
    return model;
  }

  /** Nobody's: another decision under the same key had opened and ended the task before this hold was made. */
  private async release(reserved: StoredFact, { reservationId }: ReservationTerms): Promise<void> {
    const { accounts, contextOf } = this.parts;
    const meta = healMeta(reserved, `released ${reservationId} ${reserved.revision}`);
    const command: AccountCommand = { type: 'Refund', reservationId, reason: INTERRUPTED.code, providerCost: [] };
    await accounts.execute(reserved.stream, meta, ledgerDecision(command, contextOf, meta));
  }

  /** The customer asked for the late result and was charged: it is theirs. */
  private async healLate(reserved: StoredFact, { taskId, reservationId }: ReservationTerms): Promise<void> {
    const { store, clock } = this.parts;
    const stream = tenantStream('task', reserved.tenant, taskId);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const facts = await store.readStream(stream);
      const history = taskHistory(facts);
      const last = facts.at(-1);
      if (history === null || last === undefined) return;
      const decision = decideTask(history.now, { type: 'AcceptLateResult', reservationId }, Math.max(clock.now(), last.recordedAt));
      if (isRefusal(decision) || !Array.isArray(decision)) return;
      const meta = healMeta(reserved, `accepted ${reservationId} ${last.revision}`);
      const append = { stream, expectedRevision: last.revision, facts: taskNewFacts(decision) };
      if ((await store.append({ meta, appends: [append] })).ok) return;
    }
    throw new EventStoreUnavailable(`${stream} changed under ${ATTEMPTS_MAX} attempts`);
  }
}

/** The same for every healer, so that what two of them write at once is one and the same append wherever their clocks agree. */
function healMeta(reserved: StoredFact, what: string): CommandMeta {
  const { tenant, correlationId, id: causationId } = reserved;
  return {
    commandId: commandIdOf(keyDigest(tenant, '', what)),
    tenant,
    actor: SETTLEMENT_ACTOR,
    correlationId,
    causationId,
    requestHash: null,
  };
}

/** The submission that made this very hold, or a healer of it. */
function isOpenedBy(first: StoredFact, reserved: StoredFact): boolean {
  if (first.type !== 'TaskSubmitted') return false;
  const { decidedAt, accountRevision } = first.data as unknown as SubmittedFact['data'];
  return decidedAt === (reserved.data as unknown as Reserved).decidedAt && accountRevision < reserved.revision;
}

/** A task that was decided on a later state had its hold after this one was over. */
function isOpenedBefore(first: StoredFact, reserved: StoredFact): boolean {
  return first.type !== 'TaskSubmitted' || (first.data as unknown as SubmittedFact['data']).accountRevision < reserved.revision;
}
