// The account commands through the real bus, sessions, idempotency and a store in memory: what clients are answered, the first time and ever after.
import { Global, Module } from '@nestjs/common';
import { CommandBus, CqrsModule } from '@nestjs/cqrs';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newCommandId, type Clock, type JsonObject } from '#libs/kernel';
import {
  CachedCustomerKeys,
  LogKeyedCommands,
  MemoryEventStore,
  MemoryKeyVault,
  MemoryLog,
  MemorySnapshots,
  tenantStream,
  type RequestContext,
  type Sessions,
  type WriteResult,
} from '#libs/event-store';
import {
  AdjustCredits,
  BookDue,
  ChangePlan,
  GrantCredits,
  LedgerModule,
  OpenAccount,
  OpenDispute,
  ResetCycle,
  ResumeAccount,
  RevokeGrant,
  SuspendAccount,
  type AccountState,
  type AccountView,
  type AdjustmentView,
  type DisputeView,
  type GrantView,
  type PlanTerms,
} from '#libs/ledger';
import { ACCOUNT_SESSIONS, CATALOGUE, CLOCK, CONFIG, CUSTOMER_KEYS, EVENT_STORE, KEYED_COMMANDS, SNAPSHOTS } from '#libs/platform';
import { PLANS, POLICIES } from '../test/given.js';

const START = '2026-11-21T10:00:00.000Z';

class World {
  now = Date.parse(START);
  readonly clock: Clock = { now: () => this.now };
  readonly log: MemoryLog;
  readonly store: MemoryEventStore;
  readonly vault: MemoryKeyVault;
  readonly keys: CachedCustomerKeys;
  plans: Record<string, PlanTerms> = { ...PLANS };
  /** Defined by another process: known here once the log was asked. */
  plansElsewhere: Record<string, PlanTerms> = {};
  private app!: TestingModule;

  /** Beside another process, on its log and keys. */
  constructor(beside: { log: MemoryLog; vault: MemoryKeyVault } = { log: new MemoryLog(), vault: new MemoryKeyVault() }) {
    this.log = beside.log;
    this.vault = beside.vault;
    this.store = new MemoryEventStore(this.clock, this.log);
    this.keys = new CachedCustomerKeys(this.vault, { refreshAfterMs: 0, staleAfterMs: 0 });
  }

  async start(): Promise<this> {
    const keyed = new LogKeyedCommands(this.store, this.keys);
    const config = { ...POLICIES, sessionsMax: 100, snapshotEveryFacts: 2 };
    const values: Array<[symbol, unknown]> = [
      [CONFIG, config],
      [CLOCK, this.clock],
      [EVENT_STORE, this.store],
      [SNAPSHOTS, new MemorySnapshots()],
      [CUSTOMER_KEYS, this.keys],
      [KEYED_COMMANDS, keyed],
      [
        CATALOGUE,
        {
          plan: (id: string) => this.plans[id] ?? null,
          refresh: () => Promise.resolve(void Object.assign(this.plans, this.plansElsewhere)),
        },
      ],
    ];
    @Global()
    @Module({ providers: values.map(([provide, useValue]) => ({ provide, useValue })), exports: values.map(([token]) => token) })
    class Around {}
    this.app = await Test.createTestingModule({ imports: [CqrsModule.forRoot(), Around, LedgerModule] }).compile();
    await this.app.init();
    return this;
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.store.close();
  }

  get bus(): CommandBus {
    return this.app.get(CommandBus);
  }

  get sessions(): Sessions<AccountState> {
    return this.app.get<Sessions<AccountState>>(ACCOUNT_SESSIONS);
  }

  facts(accountId: string): Promise<string[]> {
    return this.store.readStream(tenantStream('account', 't1', accountId)).then((facts) => facts.map((fact) => fact.type));
  }

  open(id = 'acme', key: string | null = null, more: object = {}): Promise<WriteResult<AccountView>> {
    const input = { id, name: 'Acme', plan: 'free', ...more };
    return this.bus.execute(new OpenAccount(request('/v1/accounts', input, key), input));
  }

  grant(credits: number, key: string | null = null, more: object = {}): Promise<WriteResult<GrantView>> {
    const input = { bucket: 'purchased' as const, credits, ...more };
    return this.bus.execute(new GrantCredits(request('/v1/accounts/acme/grants', input, key), 'acme', input));
  }

  adjust(credits: number, key: string | null = null): Promise<WriteResult<AdjustmentView>> {
    const input = { bucket: 'promotional' as const, credits, reason: 'r', ticket: 't' };
    return this.bus.execute(new AdjustCredits(request('/v1/accounts/acme/adjustments', input, key), 'acme', input));
  }

  dispute(reference: string, key: string | null = null): Promise<WriteResult<DisputeView>> {
    const input = { reference, reason: 'r' };
    return this.bus.execute(new OpenDispute(request('/v1/accounts/acme/disputes', input, key), 'acme', input));
  }

  plan(plan: string, key: string | null = null): Promise<WriteResult<AccountView>> {
    return this.bus.execute(new ChangePlan(request('/v1/accounts/acme/plan', { plan }, key), 'acme', { plan }));
  }
}

function request(path: string, body: JsonObject, idempotencyKey: string | null = null, accounts: string[] | null = null): RequestContext {
  return {
    tenant: 't1',
    actor: 'key_1',
    correlationId: newCommandId(),
    causationId: null,
    method: 'POST',
    path,
    body,
    idempotencyKey,
    accounts,
  };
}

function view<View>(result: WriteResult<View>): View {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.view;
}

let world: World;
beforeEach(async () => {
  world = await new World().start();
});
afterEach(() => world.stop());

describe('opening an account', () => {
  it('answers the account as api.md shows it', async () => {
    const result = await world.open();
    expect(result).toEqual({
      ok: true,
      replayed: false,
      position: expect.any(String),
      view: {
        ...{
          id: 'acme',
          name: 'Acme',
          plan: 'free',
          pendingPlan: null,
          timezone: 'UTC',
          billingAnchor: START,
          status: 'active',
          forgotten: false,
        },
        ...{
          nextReset: { at: '2026-12-21T10:00:00.000Z', allowance: 200 },
          createdAt: START,
          revision: 1,
          position: result.ok && result.position,
        },
      },
    });
  });

  it('keeps the name out of the fact, encrypted beside it', async () => {
    await world.open();
    const [opened, granted] = await world.store.readStream(tenantStream('account', 't1', 'acme'));
    expect(opened?.data['name']).toEqual({ $erasable: expect.any(String) });
    expect(JSON.stringify(opened?.data)).not.toContain('Acme');
    expect(opened?.sealed).toEqual(expect.any(String));
    expect(granted?.sealed ?? null).toBeNull();
  });

  it('happens once per id and tenant', async () => {
    await world.open();
    expect(await world.open()).toMatchObject({ ok: false, code: 'already_exists' });
  });

  it('makes an id of its own, the same again under the same key', async () => {
    const input = { name: 'Acme', plan: 'free' };
    const open = () => world.bus.execute(new OpenAccount(request('/v1/accounts', input, 'k1'), input));
    const [first, second] = [view(await open()), view(await open())];
    expect(first.id).toMatch(/^acc_[0-9a-f]{32}$/);
    expect(second).toEqual(first);
  });

  it.each([
    ['/plan', { plan: 'gold' }],
    ['/timezone', { timezone: 'Mars/Olympus' }],
    ['/id', { id: 'no spaces' }],
    ['/name', { name: '  ' }],
    ['/billingAnchor', { billingAnchor: 'yesterday' }],
    ['/billingAnchor', { billingAnchor: '2026-02-30T00:00:00Z' }],
    ['/billingAnchor', { billingAnchor: '1400-01-01T00:00:00Z' }],
  ])('refuses a bad %s and writes nothing', async (pointer, more) => {
    expect(await world.open('acme', null, more)).toMatchObject({ ok: false, code: 'validation_failed', fields: { errors: [{ pointer }] } });
    expect(await world.facts('acme')).toEqual([]);
  });

  it('takes an anchor with an offset, and a zone', async () => {
    const account = view(await world.open('acme', null, { billingAnchor: '2026-01-31T00:00:00+09:00', timezone: 'Asia/Tokyo' }));
    expect(account).toMatchObject({ billingAnchor: '2026-01-30T15:00:00.000Z', nextReset: { at: '2026-11-29T15:00:00.000Z' } });
  });
});

describe('an account command', () => {
  it('answers the grant that it made, with what was due before it booked in the same append', async () => {
    await world.open();
    world.now = Date.parse('2026-12-22T00:00:00Z');
    const grant = view(
      await world.grant(50, null, {
        reference: 'order 1',
        costBasis: { currency: 'EUR', amountMinor: 999 },
        expiresAt: '2027-01-01T00:00:00Z',
      }),
    );
    expect(grant).toMatchObject({
      accountId: 'acme',
      bucket: 'purchased',
      credits: 50,
      available: 50,
      reference: 'order 1',
      recognisedMinor: 0,
      deferredMinor: 999,
      expiresAt: '2027-01-01T00:00:00.000Z',
    });
    expect(await world.facts('acme')).toEqual(['AccountOpened', 'CreditsGranted', 'CycleReset', 'CreditsGranted']);
  });

  it('knows a plan that another process defined a moment ago', async () => {
    world.plansElsewhere = { team: { id: 'team', version: 1, rank: 9, monthlyAllowance: 20_000, upgradeCredit: 'full' } };
    expect(await world.open('other', null, { plan: 'team' })).toMatchObject({ ok: true, view: { plan: 'team' } });
    world.plansElsewhere = { crew: { id: 'crew', version: 1, rank: 10, monthlyAllowance: 30_000, upgradeCredit: 'full' } };
    expect(
      await world.bus.execute(new ChangePlan(request('/v1/accounts/other/plan', { plan: 'crew' }), 'other', { plan: 'crew' })),
    ).toMatchObject({ ok: true, view: { plan: 'crew' } });
  });

  it('decides on an account whose plan another process defined a moment ago', async () => {
    const { team } = (world.plansElsewhere = {
      team: { id: 'team', version: 1, rank: 9, monthlyAllowance: 20_000, upgradeCredit: 'full' },
    });
    await world.open('acme', null, { plan: 'team' });
    delete world.plans['team'];
    expect(await world.plan('free')).toMatchObject({ ok: true, view: { plan: 'team' } });
    expect(world.plans['team']).toEqual(team);
    // At its boundary the account needs the terms of its plan, whatever the command was.
    delete world.plans['team'];
    world.now = Date.parse('2027-01-22T00:00:00Z');
    expect(await world.grant(1)).toMatchObject({ ok: true });
    world.plans = {};
    world.plansElsewhere = {};
    world.now = Date.parse('2027-03-22T00:00:00Z');
    await expect(world.grant(1)).rejects.toThrow(/plan \w+ of account acme is not defined/);
  });

  it('is refused in words for what is wrong in it', async () => {
    await world.open();
    expect(await world.grant(0)).toMatchObject({ ok: false, code: 'validation_failed', fields: { errors: [{ pointer: '/credits' }] } });
    expect(await world.grant(1, null, { expiresAt: 'soon' })).toMatchObject({ ok: false, fields: { errors: [{ pointer: '/expiresAt' }] } });
    expect(await world.plan('gold')).toMatchObject({ ok: false, fields: { errors: [{ pointer: '/plan' }] } });
    const noReason = new SuspendAccount(request('/v1/accounts/acme/suspend', { reason: '' }), 'acme', { reason: '' });
    expect(await world.bus.execute(noReason)).toMatchObject({ ok: false, fields: { errors: [{ pointer: '/reason' }] } });
    const unknown = new RevokeGrant(request('/v1/accounts/acme/grants/g/revoke', {}), 'acme', 'g', { reason: 'r' });
    expect(await world.bus.execute(unknown)).toMatchObject({ ok: false, code: 'not_found' });
  });

  it('does not find accounts that are not there, or not the key’s', async () => {
    await world.open();
    const input = { bucket: 'purchased' as const, credits: 5 };
    const path = '/v1/accounts/acme/grants';
    expect(await world.bus.execute(new GrantCredits(request(path, input), 'other', input))).toMatchObject({ ok: false, code: 'not_found' });
    expect(await world.bus.execute(new GrantCredits(request(path, input), '../acme', input))).toMatchObject({
      ok: false,
      code: 'not_found',
    });
    expect(await world.bus.execute(new GrantCredits(request(path, input, null, ['beta']), 'acme', input))).toMatchObject({
      ok: false,
      code: 'not_found',
    });
    expect(await world.bus.execute(new GrantCredits({ ...request(path, input), tenant: 't2' }, 'acme', input))).toMatchObject({
      ok: false,
      code: 'not_found',
    });
    expect(await world.bus.execute(new GrantCredits(request(path, input, null, ['acme']), 'acme', input))).toMatchObject({ ok: true });
  });

  it('suspends, resumes, resets and revokes', async () => {
    await world.open();
    const suspended = await world.bus.execute(
      new SuspendAccount(request('/v1/accounts/acme/suspend', { reason: 'r' }), 'acme', { reason: 'r' }),
    );
    expect(view(suspended)).toMatchObject({ status: 'suspended', name: 'Acme' });
    expect(
      view(await world.bus.execute(new ResumeAccount(request('/v1/accounts/acme/resume', { reason: 'r' }), 'acme', { reason: 'r' }))),
    ).toMatchObject({ status: 'active' });
    const reset = await world.bus.execute(
      new ResetCycle(request('/v1/accounts/acme/cycle-reset', { reason: 'r' }), 'acme', { reason: 'r' }),
    );
    expect(view(reset)).toMatchObject({
      accountId: 'acme',
      available: 200,
      held: 0,
      buckets: { subscription: { available: 200 } },
      grants: [{ credits: 200 }],
      asOf: START,
      nextReset: { at: '2026-12-21T10:00:00.000Z' },
    });
    const grant = view(await world.grant(10));
    const revoked = await world.bus.execute(
      new RevokeGrant(request(`/v1/accounts/acme/grants/${grant.id}/revoke`, { reason: 'r' }), 'acme', grant.id, { reason: 'r' }),
    );
    expect(view(revoked)).toMatchObject({ id: grant.id, available: 0, revoked: 10 });
    const again = await world.bus.execute(
      new RevokeGrant(request(`/v1/accounts/acme/grants/${grant.id}/revoke`, { reason: 'r' }), 'acme', grant.id, { reason: 'r' }),
    );
    expect(again).toEqual(revoked);
  });

  it('reads null for a name whose person was forgotten', async () => {
    await world.open();
    await world.vault.erase({ tenant: 't1', accountId: 'acme' });
    expect(view(await world.plan('pro'))).toMatchObject({ name: null, forgotten: true, plan: 'pro' });
  });
});

describe('an idempotency key', () => {
  it('answers the same body for ever, whatever happened since', async () => {
    const first = {
      open: await world.open('acme', 'a'),
      grant: await world.grant(30, 'b'),
      plan: await world.plan('pro', 'c'),
      same: await world.plan('pro', 'd'),
    };
    expect([first.open.ok, first.grant.ok, first.plan.ok, first.same.ok]).toEqual([true, true, true, true]);
    await world.grant(5);
    await world.plan('free');
    world.plans['pro'] = { ...(PLANS['pro'] as PlanTerms), monthlyAllowance: 2000, version: 2 };
    world.now = Date.parse('2027-03-01T00:00:00Z');
    await world.bus.execute(new BookDue('t1', 'acme'));
    const facts = await world.facts('acme');
    const later = {
      open: await world.open('acme', 'a'),
      grant: await world.grant(30, 'b'),
      plan: await world.plan('pro', 'c'),
      same: await world.plan('pro', 'd'),
    };
    const replayed = Object.fromEntries(Object.entries(first).map(([name, result]) => [name, { ...result, replayed: true }]));
    expect(later).toEqual(replayed);
    expect(await world.facts('acme')).toEqual(facts);
  });

  it('shows a replay the allowance as the plan was then', async () => {
    const define = (monthlyAllowance: number, expectedRevision: number) =>
      world.store.append({
        meta: { commandId: newCommandId(), tenant: 't1', actor: 'a', correlationId: 'c', causationId: null, requestHash: null },
        appends: [
          {
            stream: 'plan-free',
            expectedRevision,
            facts: [{ type: 'PlanDefined', schemaVersion: 1, data: { planId: 'free', monthlyAllowance } }],
          },
        ],
      });
    await define(200, -1);
    const first = await world.open('acme', 'a');
    await define(500, 0);
    world.plans['free'] = { ...(PLANS['free'] as PlanTerms), monthlyAllowance: 500 };
    expect(await world.open('acme', 'a')).toEqual({ ...first, replayed: true });
  });

  it('runs its command once, however many ask at the same time', async () => {
    await world.open();
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.grant(30, 'k')));
    expect(answers.filter((answer) => answer.replayed === true)).toHaveLength(19);
    expect(new Set(answers.map((answer) => view(answer).id)).size).toBe(1);
    expect(await world.facts('acme')).toEqual(['AccountOpened', 'CreditsGranted', 'CreditsGranted']);
  });

  it('is refused for another body, and for another name: names are compared although they are sealed', async () => {
    await world.open('acme', 'a');
    expect(await world.open('acme', 'a', { name: 'Other' })).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
    await world.grant(30, 'b');
    expect(await world.grant(31, 'b')).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
  });
});

describe('two processes under one key', () => {
  it('make one grant: the one that comes late answers with the other’s', async () => {
    await world.open();
    const other = await new World(world).start();
    const answers = await Promise.all([world.grant(30, 'k'), other.grant(30, 'k'), world.grant(30, 'k'), other.grant(30, 'k')]);
    expect(new Set(answers.map((answer) => view(answer).id)).size).toBe(1);
    expect(answers.filter((answer) => answer.replayed !== true)).toHaveLength(1);
    expect(await world.facts('acme')).toEqual(['AccountOpened', 'CreditsGranted', 'CreditsGranted']);
    await other.stop();
  });

  it('carry a command out once, also where one looked for the key before the other wrote, and decides after it', async () => {
    await world.open();
    const other = await new World(world).start();
    let goOn = (): void => undefined;
    const written = new Promise<void>((resolve) => (goOn = resolve));
    const look = other.store.findByKeyDigests.bind(other.store);
    let looks = 0;
    // A slow network: what was found is told late.
    other.store.findByKeyDigests = async (digests) => {
      const found = await look(digests);
      if ((looks += 1) <= 4) await written;
      return found;
    };
    const slow = [other.grant(30, 'k1'), other.adjust(20, 'k2'), other.dispute('inv-1', 'k3'), other.adjust(-15, 'k4')] as const;
    const first = [
      await world.grant(30, 'k1', { reference: 'inv-1' }),
      await world.adjust(20, 'k2'),
      await world.dispute('inv-1', 'k3'),
      await world.adjust(-15, 'k4'),
    ];
    goOn();
    const [grant, adjustment, dispute, taken] = await Promise.all(slow);
    expect(grant).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
    expect(adjustment).toEqual({ ...first[1], replayed: true });
    expect(dispute).toEqual({ ...first[2], replayed: true });
    // Decided again it would be refused: 5 are left.
    expect(taken).toEqual({ ...first[3], replayed: true });
    expect((await world.facts('acme')).slice(2)).toEqual(['CreditsGranted', 'CreditsAdjusted', 'DisputeOpened', 'CreditsAdjusted']);
    await other.stop();
  });
});

describe('what time brings about', () => {
  it('is booked in order and says when the account is next due', async () => {
    await world.open();
    await world.grant(10, null, { expiresAt: '2026-12-01T00:00:00Z' });
    expect(await world.bus.execute(new BookDue('t1', 'acme'))).toEqual({
      nextDueAt: Date.parse('2026-12-01T00:00:00Z'),
      booked: 0,
      position: null,
    });
    world.now = Date.parse('2027-01-21T10:00:00Z');
    expect(await world.bus.execute(new BookDue('t1', 'acme'))).toEqual({
      nextDueAt: Date.parse('2027-02-21T10:00:00Z'),
      booked: 3,
      position: expect.any(String),
    });
    expect((await world.facts('acme')).slice(3)).toEqual(['CreditsExpired', 'CycleReset', 'CycleReset']);
    expect(await world.bus.execute(new BookDue('t1', 'acme'))).toMatchObject({ booked: 0 });
  });

  it('is booked whole after a stop of a century', async () => {
    await world.open();
    world.now = Date.parse('2126-11-21T10:00:00Z');
    expect(await world.bus.execute(new BookDue('t1', 'acme'))).toMatchObject({ booked: 1200 });
  });

  it('finds nothing where there is no account', async () => {
    expect(await world.bus.execute(new BookDue('t1', 'nobody'))).toEqual({ nextDueAt: null, booked: 0, position: null });
  });
});
