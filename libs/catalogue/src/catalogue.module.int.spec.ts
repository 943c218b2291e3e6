// Shows that the modules compose as a process composes them: commands through the bus, on a real PostgreSQL.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { CommandBus, CqrsModule } from '@nestjs/cqrs';
import { EventStoreModule } from '#libs/event-store';
import { OpenAccount } from '#libs/ledger';
import { CATALOGUE, parseConfig, PlatformModule, QUOTE_STORE } from '#libs/platform';
import { ProvidersModule } from '#libs/providers';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { CreateQuote, PriceModel, PutModel, PutPlan, RetireModel } from './catalogue.messages.js';
import { CatalogueModule } from './catalogue.module.js';
import type { Catalogue } from './catalogue.port.js';
import type { QuoteStore } from './quote.port.js';
import { QuotesModule } from './quotes.module.js';
import { contextOf, MODEL_INPUT, must } from './testing/catalogue.fixture.js';

let database: TestDatabase;
let app: TestingModule;
let bus: CommandBus;
beforeAll(async () => {
  database = await createTestDatabase();
  const config = parseConfig({ LOG_LEVEL: 'silent', DATABASE_URL: database.url });
  const imports = [PlatformModule.with({ config }), EventStoreModule, ProvidersModule, CqrsModule.forRoot(), CatalogueModule, QuotesModule];
  app = await Test.createTestingModule({ imports }).compile();
  await app.init();
  bus = app.get(CommandBus);
});
afterAll(async () => {
  await app.close();
  await database.drop();
});

describe('the catalogue in a process', () => {
  it('starts with the default models', () => {
    expect(app.get<Catalogue>(CATALOGUE).models()).toHaveLength(10);
  });

  it('lists, prices and retires a model, and lists it again', async () => {
    const context = contextOf({ method: 'PUT', path: '/v1/models/mine' });
    expect(await bus.execute(new PutModel(context, 'mine', MODEL_INPUT))).toMatchObject({ ok: true, view: { id: 'mine', credits: 100 } });
    const effectiveAt = new Date(Date.now() + 3_600_000).toISOString();
    const priced = await bus.execute(new PriceModel(context, 'mine', { credits: 120, effectiveAt, reason: 'market' }));
    expect(priced).toMatchObject({ ok: true, view: { credits: 100, priceVersion: 'mine@1' } });
    expect(await bus.execute(new RetireModel(context, 'mine'))).toMatchObject({ ok: true, view: { retiredAt: expect.any(String) } });
    expect(app.get<Catalogue>(CATALOGUE).price('mine', undefined, Date.now())).toMatchObject({ code: 'unknown_model' });
    expect(await bus.execute(new PutModel(context, 'mine', MODEL_INPUT))).toMatchObject({
      ok: true,
      view: { retiredAt: null, credits: 100 },
    });
  });

  it('refuses an instant without a zone, and takes one with an offset', async () => {
    const price = (effectiveAt: string): Promise<unknown> =>
      bus.execute(new PriceModel(contextOf(), 'pika-basic', { credits: 45, effectiveAt, reason: 'x' }));
    for (const text of ['tomorrow', '2030-01-01', '2030-01-01T00:00:00', '2030-13-01T00:00:00Z']) {
      expect(await price(text)).toMatchObject({ ok: false, code: 'validation_failed', fields: { errors: [{ pointer: '/effectiveAt' }] } });
    }
    expect(await price('2030-01-01T00:00:00+02:00')).toMatchObject({ ok: true, view: { credits: 40 } });
  });

  it('defines a plan', async () => {
    const input = { name: 'Team', rank: 3, monthlyAllowance: 50_000, weight: 5 };
    expect(await bus.execute(new PutPlan(contextOf(), 'team', input))).toMatchObject({
      ok: true,
      view: { id: 'team', weight: 5, upgradeCredit: 'full' },
    });
  });

  it('quotes for an account, and keeps the quote for its submission', async () => {
    const body = { id: 'acc_1', name: 'Acme', plan: 'pro' };
    const opened = await bus.execute(new OpenAccount(contextOf({ path: '/v1/accounts', body }), body));
    expect(opened).toMatchObject({ ok: true });
    const input = { accountId: 'acc_1', model: 'kling-ai-5s', parameters: { simulate: { outcome: 'succeed', deliveredFraction: 0.5 } } };
    const keyed = contextOf({ body: input, idempotencyKey: 'q1' });
    const quoted = await bus.execute(new CreateQuote(keyed, input));
    expect(quoted).toMatchObject({ ok: true, replayed: false, view: { credits: 70, allowed: true, available: 2_000 } });
    expect(await bus.execute(new CreateQuote(keyed, input))).toEqual({ ...quoted, replayed: true });
    const id = quoted.ok ? quoted.view.id : '';
    const kept = must(await app.get<QuoteStore>(QUOTE_STORE).find('default', id));
    expect(kept.parameters).toEqual({ simulate: { outcome: 'succeed', deliveredFraction: '0.5' } });
  });

  it('refuses what the simulator does not know', async () => {
    const input = { accountId: 'acc_1', model: 'kling-ai-5s', parameters: { simulate: { outcome: 'explode' } } };
    expect(await bus.execute(new CreateQuote(contextOf({ body: input }), input))).toMatchObject({ ok: false, code: 'validation_failed' });
  });
});
