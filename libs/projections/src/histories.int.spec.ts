import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryEventStore } from '#libs/event-store';
import { adjustmentView, disputeView, type AccountState, type Bucket, type GrantState, type LapsedRefundPolicy } from '#libs/ledger';
import { isOver } from '#libs/tasks';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { figuresOf } from './task-status/task-row.js';
import { Harness } from './testing/harness.js';
import { ManualClock, POLICIES, START, World } from './testing/world.js';

const DAY_MS = 86_400_000;
const ACCOUNTS = ['acc_a', 'acc_b'];
const RUNS = 12;

type Step =
  | { do: 'grant'; account: number; bucket: Bucket; credits: number; days: number | null }
  | { do: 'submit'; account: number; credits: number }
  | { do: 'end'; task: number; how: 'complete' | 'fail' | 'time_out' | 'cancel'; fraction: string }
  | { do: 'settle'; task: number }
  | { do: 'goodwill'; task: number; credits: number }
  | { do: 'plan'; account: number; plan: string }
  | { do: 'reset'; account: number }
  | { do: 'revoke'; account: number; grant: number; spent: 'forgive' | 'debt' }
  | { do: 'dispute'; account: number; grant: number; byReference: boolean }
  | { do: 'end_dispute'; account: number; outcome: 'won' | 'lost' }
  | { do: 'adjust'; account: number; bucket: Bucket; credits: number }
  | { do: 'decide'; account: number; decision: 'approve' | 'reject' }
  | { do: 'suspend' | 'resume'; account: number }
  | { do: 'wait'; days: number }
  | { do: 'due'; account: number };

const account = fc.nat(ACCOUNTS.length - 1);
const task = fc.nat(30);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('submit' as const), account, credits: fc.integer({ min: 1, max: 900 }) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        task,
        how: fc.constantFrom('complete', 'fail', 'time_out', 'cancel'),
        fraction: fc.constantFrom('1', '0.5', '0.333333', '0'),
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('settle' as const), task }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('goodwill' as const), task, credits: fc.integer({ min: 1, max: 300 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('grant' as const),
        account,
        bucket: fc.constantFrom('subscription', 'purchased', 'promotional', 'referral'),
        credits: fc.integer({ min: 1, max: 500 }),
        days: fc.option(fc.integer({ min: 1, max: 40 })),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 45 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('plan' as const), account, plan: fc.constantFrom('free', 'pro') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), account }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('revoke' as const), account, grant: fc.nat(10), spent: fc.constantFrom('forgive', 'debt') }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('dispute' as const), account, grant: fc.nat(6), byReference: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('end_dispute' as const), account, outcome: fc.constantFrom('won', 'lost') }) },
    {
      weight: 1,
      arbitrary: fc.record({
        ...{ do: fc.constant('adjust' as const), account, bucket: fc.constantFrom('purchased', 'promotional') },
        credits: fc.constantFrom(-300, -20, 20, 300),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('decide' as const), account, decision: fc.constantFrom('approve', 'reject') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('suspend' as const, 'resume' as const), account }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('due' as const), account }) },
  ),
  { minLength: 20, maxLength: 60 },
);

let made = 0;
function next(): number {
  return (made += 1);
}

async function play(world: World, step: Step): Promise<unknown> {
  const accountId = 'account' in step ? (ACCOUNTS[step.account] as string) : '';
  const taskId = 'task' in step ? ([...world.tasks.keys()][step.task] ?? null) : null;
  switch (step.do) {
    case 'grant': {
      const { bucket, credits, days } = step;
      const expiresAt = days === null ? null : world.clock.at + days * DAY_MS;
      const costBasis = bucket === 'purchased' ? { currency: 'USD', amountMinor: 999 } : null;
      return await world.account(accountId, { type: 'GrantCredits', bucket, credits, expiresAt, reference: 'ref', costBasis });
    }
    case 'submit':
      return await world.submit(accountId, { credits: step.credits, deadlineMs: 3_600_000 });
    case 'end':
      return taskId === null ? undefined : end(world, taskId, step.how, step.fraction);
    case 'settle':
      return taskId === null ? undefined : await world.settle(taskId);
    case 'goodwill':
      return taskId === null ? undefined : goodwill(world, taskId, step.credits);
    case 'plan':
      return await world.account(accountId, { type: 'ChangePlan', plan: step.plan });
    case 'reset':
      return await world.account(accountId, { type: 'ResetCycle', reason: 'an operator asked' });
    case 'revoke': {
      const grantId = [...(world.accounts.get(accountId)?.state.grants.keys() ?? [])][step.grant];
      return grantId === undefined
        ? undefined
        : await world.account(accountId, { type: 'RevokeGrant', grantId, reason: 'error', spent: step.spent });
    }
    case 'dispute': {
      const { state } = world.accounts.get(accountId) as { state: AccountState };
      const grantId = [...state.grants.keys()][step.grant] ?? 'none';
      const by = step.byReference ? { reference: 'ref', grantId: null } : { reference: null, grantId };
      return await world.account(accountId, {
        type: 'OpenDispute',
        disputeId: `dispute_${world.clock.at}_${next()}`,
        reason: 'chargeback',
        ...by,
      });
    }
    case 'end_dispute': {
      const disputeId = [...(world.accounts.get(accountId)?.state.disputes.keys() ?? [])].at(-1) ?? 'none';
      return await world.account(accountId, { type: 'EndDispute', disputeId, outcome: step.outcome });
    }
    case 'adjust': {
      const { bucket, credits } = step;
      const terms = { bucket, credits, reason: 'outage', ticket: 'SUP-1', requestedBy: 'key_1' };
      return await world.account(accountId, { type: 'Adjust', adjustmentId: `adj_${next()}`, ...terms });
    }
    case 'decide': {
      const adjustmentId = [...(world.accounts.get(accountId)?.state.adjustments.keys() ?? [])].at(-1) ?? 'none';
      return await world.account(
        accountId,
        step.decision === 'approve'
          ? { type: 'ApproveAdjustment', adjustmentId, approvedBy: 'key_2' }
          : { type: 'RejectAdjustment', adjustmentId, rejectedBy: 'key_2', reason: 'no' },
      );
    }
    case 'suspend':
    case 'resume':
      return await world.account(accountId, { type: step.do === 'suspend' ? 'Suspend' : 'Resume', reason: 'spec' });
    case 'wait':
      world.clock.at += step.days * DAY_MS;
      return;
    case 'due':
      return await world.account(accountId, { type: 'BookDue' });
  }
}

async function end(world: World, taskId: string, how: 'complete' | 'fail' | 'time_out' | 'cancel', fraction: string): Promise<void> {
  await world.task(taskId, { type: 'Dispatch', provider: 'simulator' });
  await world.task(taskId, { type: 'Accept', attempt: 1, providerJobId: `job-${taskId}` });
  const cost = { currency: 'USD', amountMinor: 3 };
  const failure = { code: 'provider_failed', detail: 'it broke', blame: 'provider', retryable: false } as const;
  if (how === 'complete') {
    const assets = [{ url: 'https://assets.test/a.mp4', mediaType: 'video/mp4', durationSeconds: '5' }];
    await world.task(taskId, {
      type: 'Complete',
      attempt: 1,
      assets,
      deliveredFraction: fraction,
      actualDurationSeconds: null,
      cost,
      lateResultPolicy: 'offer',
    });
  } else if (how === 'fail') await world.task(taskId, { type: 'Fail', attempt: 1, failure, cost, lateResultPolicy: 'discard' });
  else if (how === 'cancel') await world.task(taskId, { type: 'RequestCancellation', reason: null });
  else await world.task(taskId, { type: 'TimeOut' });
}

/** What the task consumed stands in the log, as for the command's real handler. */
async function goodwill(world: World, taskId: string, credits: number): Promise<void> {
  const known = world.tasks.get(taskId);
  if (known === undefined) return;
  const facts = await world.store.readStream(`account-${world.tenant}.${known.state.accountId}`);
  const consumed = facts.find((fact) => fact.type === 'CreditsConsumed' && fact.data['taskId'] === taskId);
  if (consumed === undefined) return;
  const parts = (consumed.data['parts'] as unknown as Array<{ grantId: string; credits: number }>).map((part) => ({
    grantId: part.grantId,
    credits: part.credits,
  }));
  await world.account(known.state.accountId, {
    type: 'RefundGoodwill',
    taskId,
    model: known.state.model,
    reservationId: taskId,
    credits,
    reason: 'sorry',
    consumed: parts,
  });
}

let database: TestDatabase;
let harness: Harness | undefined;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await harness?.engine.stop();
  await database.drop();
});

describe('whatever happens to accounts and tasks', () => {
  it.each<LapsedRefundPolicy>(['grace', 'expire'])(
    'the rows are what folding the log from nothing gives (lapsed refunds: %s)',
    async (lapsedRefund) => {
      // One log takes all the histories, each a tenant of its own: a database for each would be most of the time.
      const clock = new ManualClock(START);
      const store = new MemoryEventStore(clock);
      harness = new Harness(store, database.pool, clock, { engine: { batchSizeMax: 37 } });
      harness.engine.start();
      const worlds: World[] = [];
      await fc.assert(
        fc.asyncProperty(steps, async (history) => {
          const world = new World(store, clock, `t${worlds.length}`, { ...POLICIES, lapsedRefund, adjustmentLimit: 100 }, worlds.length);
          worlds.push(world);
          for (const accountId of ACCOUNTS) await world.open(accountId);
          for (const step of history) await play(world, step);
        }),
        { numRuns: RUNS },
      );
      await harness.caughtUp();
      expect(harness.errors).toEqual([]);
      for (const world of worlds) await compare(world);
      const held = worlds.flatMap((world) => [...world.accounts.values()]).reduce((sum, { state }) => sum + state.held, 0);
      expect((await harness.reads.totals()).creditsHeld).toBe(held);
      expect(worlds.reduce((sum, world) => sum + world.tasks.size, 0)).toBeGreaterThan(RUNS);
    },
  );
});

async function compare(world: World): Promise<void> {
  for (const [accountId, { state, revision }] of world.accounts) {
    const stream = `account-${world.tenant}.${accountId}`;
    const positions = (await world.store.readStream(stream)).map((fact) => fact.position);
    const grants = [...state.grants.values()].map((grant) => ({ ...countersOf(grant), position: positions[grant.revision] }));
    expect(await projectedAccount(stream)).toEqual({ ...termsOf(state), revision, grants });
    await compareClaims(world, accountId, state, positions);
    const { rows } = await database.pool.query<{ sum: string; consumed: string }>(
      'SELECT coalesce(sum(credits), 0) AS sum FROM movement WHERE stream = $1',
      [stream],
    );
    expect(Number(rows[0]?.sum)).toBe(state.available);
  }
  for (const [taskId, { state, revision }] of world.tasks) {
    const { rows } = await database.pool.query('SELECT * FROM task WHERE stream = $1', [`task-${world.tenant}.${taskId}`]);
    const [row] = rows;
    expect(JSON.parse(row.document)).toEqual(JSON.parse(JSON.stringify(state)));
    expect(row.revision).toBe(revision);
    const held = world.accounts.get(state.accountId)?.state.reservations.get(taskId)?.credits ?? 0;
    expect(Number(row.held)).toBe(held);
    expect(row.open_reservations).toBe(held > 0 ? 1 : 0);
    if (state.status === 'rejected') expect(row.reservations).toBe(0);
    else expect(Number(row.held) + Number(row.consumed) + Number(row.refunded)).toBe(state.credits);
    const receipt = await harness?.reads.receipt({ tenant: world.tenant, accounts: null }, taskId);
    expect(receipt?.charged).toBe(Number(row.consumed));
    if (!isOver(state))
      expect(figuresOf({ held, consumed: 0, refunded: 0, reservations: 1, openReservations: 1 }, state.status).settlement).toBe('open');
  }
}

/** Disputes and adjustments as they are listed are what the account's state says of them. */
async function compareClaims(world: World, accountId: string, state: AccountState, positions: readonly string[]): Promise<void> {
  const who = { tenant: world.tenant, accounts: [accountId] };
  const listed = await harness?.reads.disputes(who, { limit: 200, cursor: null });
  const disputes = [...state.disputes.values()].map((dispute) =>
    disputeView(state, dispute, world.clock.at, positions[dispute.revision] as string),
  );
  expect(listed?.data).toEqual(disputes.reverse());
  for (const dispute of disputes) expect(await harness?.reads.dispute(who, dispute.id)).toEqual(dispute);
  const adjusted = (await harness?.reads.adjustments(who, { limit: 200, cursor: null }))?.data ?? [];
  for (const adjustment of state.adjustments.values()) {
    const view = adjustmentView(accountId, adjustment, positions[adjustment.revision] as string);
    expect(adjusted.find((row) => row.id === view.id)).toEqual(view);
  }
  const facts = await world.store.readStream(`account-${world.tenant}.${accountId}`);
  const applied = facts.filter((fact) => fact.type === 'CreditsAdjusted').map((fact) => fact.data['adjustmentId']);
  expect(
    adjusted
      .filter((row) => row.status === 'applied')
      .map((row) => row.id)
      .sort(),
  ).toEqual(applied.sort());
}

function termsOf(state: AccountState): object {
  const { accountId, plan, pendingPlan, timezone, billingAnchor, nextResetAt, openedAt, status, debt } = state;
  return { accountId, plan, pendingPlan, timezone, billingAnchor, nextResetAt, openedAt, status, debt };
}

function countersOf(grant: GrantState): object {
  const { lapsedEarly: _early, isRevoked, spentIsDebt: _owed, money: _money, revision: _revision, ...counters } = grant;
  return { ...counters, frozen: grant.disputeId !== null && !isRevoked };
}

async function projectedAccount(stream: string): Promise<object> {
  const account = (await database.pool.query('SELECT * FROM balance_account WHERE stream = $1', [stream])).rows[0];
  const { rows } = await database.pool.query('SELECT * FROM balance_grant WHERE stream = $1 ORDER BY granted_position, ordinal', [stream]);
  return {
    accountId: account.account_id,
    plan: account.plan,
    pendingPlan: account.pending_plan,
    timezone: account.timezone,
    billingAnchor: account.billing_anchor.getTime(),
    nextResetAt: account.next_reset_at.getTime(),
    openedAt: account.opened_at.getTime(),
    status: account.status,
    debt: Number(account.debt),
    revision: account.revision,
    grants: rows.map((row) => ({
      id: row.grant_id,
      bucket: row.bucket,
      credits: Number(row.credits),
      available: Number(row.available),
      held: Number(row.held),
      consumed: Number(row.consumed),
      expired: Number(row.expired),
      revoked: Number(row.revoked),
      reissued: Number(row.reissued),
      adjusted: Number(row.adjusted),
      repaid: Number(row.repaid),
      grantedAt: row.granted_at.getTime(),
      expiresAt: row.expires_at === null ? null : row.expires_at.getTime(),
      reference: row.reference,
      costBasis: row.currency === null ? null : { currency: row.currency, amountMinor: Number(row.amount_minor) },
      reissuedFrom: row.reissued_from,
      disputeId: row.dispute_id,
      frozen: row.frozen,
      position: row.position,
    })),
  };
}
