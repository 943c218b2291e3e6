// The module as a process composes it: every command of opening and ending tasks is answered through the bus.
import { Global, Module } from '@nestjs/common';
import { CommandBus, CqrsModule } from '@nestjs/cqrs';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CatalogueModule, CatalogueWriter } from '#libs/catalogue';
import { EventStoreModule, processMeta, type EventStore } from '#libs/event-store';
import { OpenAccount } from '#libs/ledger';
import { EVENT_STORE, parseConfig, PlatformModule } from '#libs/platform';
import { ProvidersModule } from '#libs/providers';
import { StudioModule } from '#libs/studio';
import { TasksModule } from '#libs/tasks';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { AcceptLateResult, CancelTask, RefundTask, SettleTask, SubmitTask, SubmitTaskBatch } from './settlement.messages.js';
import { SettlementModule } from './settlement.module.js';
import { TASK_LEDGER_FACTS } from './task-ledger-facts.port.js';
import { request, TENANT, wish } from './testing/house.js';
import { LogLedgerIndex } from './testing/ledger-index.js';

@Global()
@Module({
  providers: [{ provide: TASK_LEDGER_FACTS, inject: [EVENT_STORE], useFactory: (store: EventStore) => new LogLedgerIndex(store) }],
  exports: [TASK_LEDGER_FACTS],
})
class IndexModule {}

let database: TestDatabase;
let process: TestingModule;
let bus: CommandBus;

beforeAll(async () => {
  database = await createTestDatabase();
  const config = parseConfig({ LOG_LEVEL: 'silent', DATABASE_URL: database.url });
  process = await Test.createTestingModule({
    imports: [
      CqrsModule.forRoot(),
      PlatformModule.with({ config, pool: database.pool }),
      EventStoreModule,
      ProvidersModule,
      CatalogueModule,
      TasksModule,
      StudioModule,
      IndexModule,
      SettlementModule,
    ],
  }).compile();
  await process.init();
  bus = process.get(CommandBus);
  const writer = process.get(CatalogueWriter);
  await writer.changePlan('pro', { name: 'Pro', rank: 1, monthlyAllowance: 2_000 }, processMeta(TENANT, 'test', null));
  const model = { name: 'Basic', family: 'basic', outputType: 'video', durationSeconds: 5, credits: 70, minimumPlan: 'pro' } as const;
  await writer.changeModel({ type: 'PutModel', modelId: 'basic', input: model }, processMeta(TENANT, 'test', null));
  await bus.execute(new OpenAccount(request({}, { path: '/v1/accounts' }), { id: 'acc_1', name: 'Acme', plan: 'pro' }));
});
afterAll(async () => {
  await process.close();
  await database.drop();
});

describe('the settlement module', () => {
  it('answers every one of its commands', async () => {
    const submitted = await bus.execute(new SubmitTask(request(wish()), wish()));
    if (!submitted.ok) throw new Error(submitted.detail);
    const { id } = submitted.view;
    const batch = await bus.execute(new SubmitTaskBatch(request({ tasks: [wish()] }), { tasks: [wish()], atomic: true }));
    expect(batch).toMatchObject({ ok: true, view: { results: [{ index: 0, task: { status: 'pending' } }] } });
    expect(await bus.execute(new SettleTask(TENANT, id, null))).toEqual({ settled: false, position: null, facts: [] });
    const cancelled = await bus.execute(new CancelTask(request({}), id, {}));
    expect(cancelled).toMatchObject({ ok: true, view: { outcome: 'done', task: { settlement: 'refunded' } } });
    expect(await bus.execute(new SettleTask(TENANT, id, null))).toEqual({ settled: true, position: null, facts: [] });
    expect(await bus.execute(new RefundTask(request({}), id, { credits: 1, reason: 'r' }))).toMatchObject({ code: 'already_settled' });
    expect(await bus.execute(new AcceptLateResult(request({}), id))).toMatchObject({ code: 'conflict' });
  });
});
