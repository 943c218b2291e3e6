// The same commands again, late, twice at once and out of turn: through sessions and a store, a history with retries is the history without them.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { commandIdOf, isRefusal, keyDigest, type Clock } from '#libs/kernel';
import { createMemorySessions, MemoryEventStore, MemoryLog, type CommandMeta, type StreamSessions } from '#libs/event-store';
import {
  accountDecider,
  accountNewFacts,
  accountSnapshot,
  decideAccount,
  ledgerContexts,
  type AccountCommand,
  type AccountFact,
  type AccountState,
} from '#libs/ledger';
import { PLANS, POLICIES, request } from '../test/given.js';

const START = Date.parse('2026-11-01T00:00:00Z');
const STREAM = 'account-t1.acme';
const contextOf = ledgerContexts(POLICIES, { plan: (id) => PLANS[id] ?? null });

const OPEN: AccountCommand = {
  type: 'OpenAccount',
  accountId: 'acme',
  name: { $erasable: 'x' },
  plan: 'free',
  timezone: 'UTC',
  billingAnchor: null,
};
const task = fc.constantFrom('t0', 't1', 't2', 't3');
const command: fc.Arbitrary<AccountCommand> = fc.oneof(
  fc
    .record({ task, credits: fc.integer({ min: 1, max: 120 }) })
    .map(({ task: id, credits }): AccountCommand => ({ type: 'Reserve', requests: [request(id, credits)], openTasksMax: 3 })),
  fc.record({ task, fraction: fc.constantFrom('1', '0.5', '0') }).map(({ task: id, fraction }): AccountCommand => ({
    type: 'Consume',
    reservationId: id,
    deliveredFraction: fraction,
    providerCost: [],
  })),
  task.map((id): AccountCommand => ({ type: 'Refund', reservationId: id, reason: 'r', providerCost: [] })),
  fc.integer({ min: 1, max: 90 }).map((credits): AccountCommand => ({
    type: 'GrantCredits',
    bucket: 'purchased',
    credits,
    expiresAt: null,
    reference: `inv-${credits % 2}`,
    costBasis: { currency: 'USD', amountMinor: credits * 7 },
  })),
  fc.constantFrom('free', 'pro', 'max').map((plan): AccountCommand => ({ type: 'ChangePlan', plan })),
  fc.constant<AccountCommand>({ type: 'ResetCycle', reason: 'r' }),
  fc.record({ id: fc.constantFrom('d0', 'd1'), invoice: fc.constantFrom('inv-0', 'inv-1') }).map(({ id, invoice }): AccountCommand => ({
    type: 'OpenDispute',
    disputeId: id,
    reference: invoice,
    grantId: null,
    reason: 'r',
  })),
  fc
    .record({ disputeId: fc.constantFrom('d0', 'd1'), outcome: fc.constantFrom('won' as const, 'lost' as const) })
    .map((ending): AccountCommand => ({ type: 'EndDispute', ...ending })),
  fc
    .record({ id: fc.constantFrom('a0', 'a1'), credits: fc.constantFrom(-1_100, -20, 30, 1_100) })
    .map(({ id, credits }): AccountCommand => ({
      type: 'Adjust',
      ...{ adjustmentId: id, bucket: 'purchased', credits, reason: 'r', ticket: 't', requestedBy: 'k1' },
    })),
  fc.constantFrom('a0', 'a1').map((adjustmentId): AccountCommand => ({ type: 'ApproveAdjustment', adjustmentId, approvedBy: 'k2' })),
  fc.constantFrom('a0', 'a1').map((adjustmentId): AccountCommand => ({
    type: 'RejectAdjustment',
    ...{ adjustmentId, rejectedBy: 'k3', reason: 'r' },
  })),
);

/** Two processes on one log, each with sessions of its own. */
class Processes {
  private readonly log = new MemoryLog();
  readonly clock: Clock = { now: () => START };
  private readonly stores = [new MemoryEventStore(this.clock, this.log), new MemoryEventStore(this.clock, this.log)] as const;
  private readonly sessions = this.stores.map((store) =>
    createMemorySessions<AccountState, AccountFact>({
      decider: accountDecider,
      clock: this.clock,
      store,
      codec: accountSnapshot,
      snapshotEveryFacts: 3,
    }),
  ) as [StreamSessions<AccountState, AccountFact>, StreamSessions<AccountState, AccountFact>];

  /** Under a key of its own, which makes the command the same one however often it is sent. */
  async send(process: 0 | 1, key: number, asked: AccountCommand): Promise<void> {
    const digest = keyDigest('t1', String(key));
    const commandId = commandIdOf(digest);
    const meta: CommandMeta = {
      commandId,
      tenant: 't1',
      actor: 'a',
      correlationId: commandId,
      causationId: null,
      requestHash: null,
      keyDigest: digest,
    };
    await this.sessions[process].execute(STREAM, meta, (state, at) => {
      const decision = decideAccount(state, asked, at, contextOf(commandId));
      if (isRefusal(decision)) return decision;
      if (!Array.isArray(decision)) return { unchanged: true, result: null };
      return { facts: accountNewFacts(decision), result: () => null };
    });
  }

  async length(): Promise<number> {
    return (await this.stores[0].readStream(STREAM)).length;
  }

  async outcome(): Promise<{ facts: unknown[]; state: unknown }> {
    const stored = await this.stores[0].readStream(STREAM);
    const { state } = await this.sessions[0].stateAt(STREAM, { revision: stored.length - 1 });
    for (const sessions of this.sessions)
      expect(await sessions.read(STREAM, (live) => accountSnapshot.encode(live))).toEqual(accountSnapshot.encode(state));
    return { facts: stored.map(({ id, type, data }) => ({ id, type, data })), state: accountSnapshot.encode(state) };
  }

  async close(): Promise<void> {
    for (const store of this.stores) await store.close();
  }
}

describe('retries', () => {
  it('of commands that were carried out change nothing: late, doubled, or by another process', async () => {
    const process = fc.constantFrom(0 as const, 1 as const);
    const history = fc.array(
      fc.record({ command, process, again: fc.array(process, { maxLength: 3 }), late: fc.option(process, { freq: 3 }) }),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const [once, often] = [new Processes(), new Processes()];
        for (const processes of [once, often]) await processes.send(0, -1, OPEN);
        const done: Array<[number, AccountCommand, 0 | 1]> = [];
        for (const [key, { command: asked, process: by, again, late }] of steps.entries()) {
          await once.send(by, key, asked);
          const before = await often.length();
          await often.send(by, key, asked);
          // A refusal is no outcome that lasts: the same request may be decided anew. What was written is never written again.
          if ((await often.length()) === before) continue;
          await Promise.all(again.map((repeat) => often.send(repeat, key, asked)));
          if (late !== null) done.push([key, asked, late]);
        }
        for (const [key, asked, by] of done.reverse()) await often.send(by, key, asked);
        expect(await often.outcome()).toEqual(await once.outcome());
        await Promise.all([once.close(), often.close()]);
      }),
      {
        seed: Number(globalThis.process.env['PROPERTY_SEED'] ?? 20261121),
        numRuns: Number(globalThis.process.env['PROPERTY_RUNS'] ?? 100),
      },
    );
  });

  it('race two processes for one key and for the last credits: one wins, nothing is spent twice', async () => {
    const processes = new Processes();
    await processes.send(0, -1, OPEN);
    const asked = (id: string): AccountCommand => ({ type: 'Reserve', requests: [request(id, 20)], openTasksMax: 1000 });
    const sends: Array<Promise<void>> = [];
    for (let i = 0; i < 200; i += 1) sends.push(processes.send((i % 2) as 0 | 1, i >> 1, asked(`t${i >> 1}`)));
    await Promise.all(sends);
    const { facts } = await processes.outcome();
    expect(facts.filter((fact) => (fact as AccountFact).type === 'CreditsReserved')).toHaveLength(10);
    await processes.close();
  });

  it('of one ending of a dispute, and of one approval, by two processes under two keys: one is carried out', async () => {
    const processes = new Processes();
    const grant: AccountCommand = {
      type: 'GrantCredits',
      ...{ bucket: 'purchased', credits: 50, expiresAt: null, reference: 'inv-0', costBasis: null },
    };
    const setUp: AccountCommand[] = [
      OPEN,
      grant,
      { type: 'OpenDispute', disputeId: 'd', reference: 'inv-0', grantId: null, reason: 'r' },
      { type: 'Adjust', adjustmentId: 'a', bucket: 'promotional', credits: 2_000, reason: 'r', ticket: 't', requestedBy: 'k1' },
    ];
    for (const [key, asked] of setUp.entries()) await processes.send(0, -1 - key, asked);
    const before = await processes.length();
    await Promise.all([
      processes.send(0, 1, { type: 'EndDispute', disputeId: 'd', outcome: 'won' }),
      processes.send(1, 2, { type: 'EndDispute', disputeId: 'd', outcome: 'lost' }),
      processes.send(0, 3, { type: 'ApproveAdjustment', adjustmentId: 'a', approvedBy: 'k2' }),
      processes.send(1, 4, { type: 'ApproveAdjustment', adjustmentId: 'a', approvedBy: 'k3' }),
      processes.send(1, 5, { type: 'RejectAdjustment', adjustmentId: 'a', rejectedBy: 'k3', reason: 'r' }),
    ]);
    const types = (await processes.outcome()).facts.slice(before).map((fact) => (fact as AccountFact).type);
    expect(types.filter((type) => type === 'DisputeWon' || type === 'DisputeLost')).toHaveLength(1);
    expect(types.filter((type) => type === 'CreditsAdjusted' || type === 'AdjustmentRejected')).toHaveLength(1);
    await processes.close();
  });
});
