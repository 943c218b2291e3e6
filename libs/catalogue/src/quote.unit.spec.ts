// Shows that a quote says what the task would get: the price, the verdict and the credits it would take.
import { describe, expect, it } from '@jest/globals';
import { CachedCustomerKeys, createMemorySessions, LogKeyedCommands, MemoryKeyVault, processMeta, tenantStream } from '#libs/event-store';
import type { RequestContext, Sessions, WriteResult } from '#libs/event-store';
import { isRefusal, type JsonObject } from '#libs/kernel';
import {
  ACCOUNT_FACT_VERSIONS,
  accountDecider,
  decideAccount,
  ledgerContexts,
  policiesOf,
  type AccountCommand,
  type AccountState,
} from '#libs/ledger';
import { parseConfig } from '#libs/platform';
import { CreateQuote } from './catalogue.messages.js';
import type { QuoteView } from './catalogue.view.js';
import { MemoryQuoteStore } from './quote-store.memory.js';
import { CreateQuoteHandler } from './quote.handler.js';
import { catalogueFixture, contextOf, meta, must, NOON, type CatalogueFixture } from './testing/catalogue.fixture.js';

const config = parseConfig({});

interface Fixture extends CatalogueFixture {
  quotes: MemoryQuoteStore;
  sessions: Sessions<AccountState>;
  act(accountId: string, command: AccountCommand): Promise<void>;
  quote(input: CreateQuote['input'], context?: Partial<RequestContext>): Promise<WriteResult<QuoteView>>;
}

async function fixture(): Promise<Fixture> {
  const base = await catalogueFixture();
  const { store, clock, catalogue } = base;
  const sessions = createMemorySessions({ decider: accountDecider, clock, store });
  const keyed = new LogKeyedCommands(store, new CachedCustomerKeys(new MemoryKeyVault()));
  const quotes = new MemoryQuoteStore();
  const handler = new CreateQuoteHandler(keyed, store, sessions, catalogue, quotes, config);
  const contexts = ledgerContexts(policiesOf(config), catalogue);
  const act = async (accountId: string, command: AccountCommand): Promise<void> => {
    const cause = processMeta('default', 'test', null);
    const outcome = await sessions.execute(tenantStream('account', 'default', accountId), cause, (state, at) => {
      const decision = decideAccount(state, command, at, contexts(cause.commandId));
      if (isRefusal(decision) || !Array.isArray(decision)) throw new Error(`not decided: ${JSON.stringify(decision)}`);
      const facts = decision.map(({ type, data }) => ({
        type,
        schemaVersion: ACCOUNT_FACT_VERSIONS[type],
        data: data as unknown as JsonObject,
      }));
      return { facts, result: () => null };
    });
    expect(outcome.kind).toBe('appended');
  };
  const open = (accountId: string, plan: string): Promise<void> =>
    act(accountId, { type: 'OpenAccount', accountId, name: { $erasable: 'x' }, plan, timezone: 'UTC', billingAnchor: null });
  await open('acc_free', 'free');
  await open('acc_pro', 'pro');
  return {
    ...base,
    quotes,
    sessions,
    act,
    quote: (input, context = {}) =>
      handler.execute(new CreateQuote(contextOf({ body: input as unknown as JsonObject, ...context }), input)),
  };
}

const view = (result: WriteResult<QuoteView>): QuoteView => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.view;
};
const code = (result: WriteResult<QuoteView>): string | null => (result.ok ? null : result.code);

describe('a quote', () => {
  it('has the price, its version, fifteen minutes, and the very grants it would draw', async () => {
    const { quote, store } = await fixture();
    const quoted = view(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' }));
    expect(quoted).toMatchObject({
      accountId: 'acc_pro',
      model: 'kling-ai-5s',
      quantity: 1,
      credits: 70,
      unitCredits: 70,
      priceVersion: 'kling-ai-5s@1',
      expiresAt: '2026-11-21T12:15:00.000Z',
      allowed: true,
      denial: null,
      accountPlan: 'pro',
      requiredPlan: 'free',
      available: 2_000,
      shortfall: 0,
      drawdown: [{ bucket: 'subscription', credits: 70, expiresAt: '2026-12-21T12:00:00.000Z' }],
      position: await store.head(),
    });
    expect(quoted.id).toMatch(/^quote_[0-9a-f]{32}$/);
    expect(quoted.drawdown[0]?.grantId).toMatch(/^grant_/);
  });

  it('writes no fact and holds nothing', async () => {
    const { quote, store } = await fixture();
    const head = await store.head();
    await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' });
    expect(await store.head()).toBe(head);
  });

  it('of a quantity prices them all, and is denied when they are too many', async () => {
    const { quote } = await fixture();
    expect(view(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s', quantity: 28 }))).toMatchObject({
      credits: 1_960,
      unitCredits: 70,
      allowed: true,
    });
    expect(view(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s', quantity: 29 }))).toMatchObject({
      credits: 2_030,
      allowed: false,
      denial: { code: 'insufficient_credits' },
      shortfall: 30,
      drawdown: [{ credits: 2_000 }],
    });
    for (const quantity of [0, -1, 1.5, 1_001])
      expect(code(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s', quantity }))).toBe('validation_failed');
  });

  it('judges the plan before credits, and draws nothing where it is too low', async () => {
    const { quote } = await fixture();
    expect(view(await quote({ accountId: 'acc_free', model: 'kling-ai-60s' }))).toMatchObject({
      credits: 840,
      allowed: false,
      denial: { code: 'plan_required' },
      accountPlan: 'free',
      requiredPlan: 'max',
      available: 200,
      shortfall: 640,
      drawdown: [],
    });
  });

  it('says that a suspended account could not submit', async () => {
    const { quote, act } = await fixture();
    await act('acc_pro', { type: 'Suspend', reason: 'unpaid' });
    expect(view(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' }))).toMatchObject({
      allowed: false,
      denial: { code: 'account_suspended' },
      credits: 70,
    });
  });

  it('sees what is due without booking it: after the boundary the new allowance', async () => {
    const { quote, clock, store } = await fixture();
    const head = await store.head();
    clock.at = Date.parse('2026-12-21T12:00:01Z');
    expect(view(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' }))).toMatchObject({
      available: 2_000,
      drawdown: [{ expiresAt: '2027-01-21T12:00:00.000Z' }],
    });
    expect(await store.head()).toBe(head);
  });

  it('keeps the version it was priced at, and is found with its parameters by a submission', async () => {
    const { quote, quotes, writer } = await fixture();
    const modifiers = { perSecond: { includedSeconds: 5, creditsPerSecond: 0.5 } };
    await writer.changeModel(
      {
        type: 'PutModel',
        modelId: 'mine',
        input: { name: 'M', family: 'm', outputType: 'video', durationSeconds: 5, credits: 10, minimumPlan: 'free', modifiers },
      },
      meta(),
    );
    const quoted = view(await quote({ accountId: 'acc_pro', model: 'mine', parameters: { durationSeconds: 7.5 }, quantity: 2 }));
    await writer.changeModel({ type: 'PriceModel', modelId: 'mine', credits: 99, effectiveAt: null, reason: 'up' }, meta());
    const kept = must(await quotes.find('default', quoted.id));
    expect(kept).toMatchObject({
      unitCredits: 12,
      priceVersion: 'mine@1',
      quantity: 2,
      parameters: { durationSeconds: '7.5' },
      expiresAt: NOON + 900_000,
    });
    expect(await quotes.find('other', quoted.id)).toBeNull();
    expect(view(await quote({ accountId: 'acc_pro', model: 'mine', parameters: { durationSeconds: 7.5 } })).unitCredits).toBe(101);
  });

  it('refuses what has no price, no account, or is none of the key’s', async () => {
    const { quote } = await fixture();
    expect(code(await quote({ accountId: 'acc_pro', model: 'gpt-9' }))).toBe('unknown_model');
    expect(code(await quote({ accountId: 'acc_none', model: 'kling-ai-5s' }))).toBe('not_found');
    expect(code(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' }, { tenant: 'other' }))).toBe('not_found');
    expect(code(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' }, { accounts: ['acc_free'] }))).toBe('not_found');
    expect(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s', parameters: { durationSeconds: 6 } })).toMatchObject({
      code: 'validation_failed',
      fields: { errors: [{ pointer: '/parameters/durationSeconds' }] },
    });
  });

  it('is not replayed to a key that may not see its account', async () => {
    const { quote } = await fixture();
    const input = { accountId: 'acc_pro', model: 'kling-ai-5s' };
    view(await quote(input, { idempotencyKey: 'q-1' }));
    expect(await quote(input, { idempotencyKey: 'q-1', accounts: ['acc_free'] })).toMatchObject({ ok: false, code: 'not_found' });
    expect(await quote(input, { idempotencyKey: 'q-1', accounts: ['acc_pro'] })).toMatchObject({ ok: true, replayed: true });
  });

  it('finds a model that another process listed a moment ago', async () => {
    const { quote, store, clock } = await fixture();
    const there = await catalogueFixture({ store, clock });
    await there.writer.changeModel(
      { type: 'PutModel', modelId: 'theirs', input: { name: 'T', family: 't', outputType: 'image', credits: 5, minimumPlan: 'free' } },
      meta(),
    );
    expect(view(await quote({ accountId: 'acc_pro', model: 'theirs' })).credits).toBe(5);
  });
});

describe('a keyed quote', () => {
  const keyed = { idempotencyKey: 'k1' };

  it('is answered the same again, whatever has changed since', async () => {
    const { quote, writer, clock } = await fixture();
    const input = { accountId: 'acc_pro', model: 'kling-ai-5s' };
    const first = await quote(input, keyed);
    await writer.changeModel({ type: 'PriceModel', modelId: 'kling-ai-5s', credits: 99, effectiveAt: null, reason: 'up' }, meta());
    clock.at += 86_400_000 * 3;
    const again = await quote(input, keyed);
    expect(again).toEqual({ ...first, replayed: true });
  });

  it('is refused for another body, another path, and a key that another command took', async () => {
    const { quote } = await fixture();
    await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' }, keyed);
    expect(code(await quote({ accountId: 'acc_pro', model: 'kling-ai-10s' }, keyed))).toBe('idempotency_key_reused');
    expect(code(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' }, { ...keyed, path: '/v1/tasks' }))).toBe(
      'idempotency_key_reused',
    );
    expect(code(await quote({ accountId: 'acc_pro', model: 'kling-ai-5s' }, { ...keyed, tenant: 'other' }))).toBe('not_found');
  });

  it('asked for by many at once is one quote', async () => {
    const { quote } = await fixture();
    const input = { accountId: 'acc_pro', model: 'kling-ai-5s' };
    const results = await Promise.all(Array.from({ length: 8 }, () => quote(input, keyed)));
    expect(new Set(results.map((result) => view(result).id)).size).toBe(1);
    expect(results.filter((result) => result.ok && !result.replayed)).toHaveLength(1);
  });

  it('that was refused may be asked again under the same key', async () => {
    const { quote, writer } = await fixture();
    const input = { accountId: 'acc_pro', model: 'mine' };
    expect(code(await quote(input, keyed))).toBe('unknown_model');
    await writer.changeModel(
      { type: 'PutModel', modelId: 'mine', input: { name: 'M', family: 'm', outputType: 'video', credits: 10, minimumPlan: 'free' } },
      meta(),
    );
    expect(view(await quote(input, keyed)).credits).toBe(10);
  });

  it('survives a crash between its row and its claim: the same request takes the row over, another may not', async () => {
    const { quote, store } = await fixture();
    const append = store.append.bind(store);
    store.append = () => Promise.reject(new Error('killed'));
    const input = { accountId: 'acc_pro', model: 'kling-ai-5s' };
    await expect(quote(input, keyed)).rejects.toThrow('killed');
    store.append = append;
    expect(code(await quote({ ...input, quantity: 2 }, keyed))).toBe('idempotency_key_reused');
    const first = await quote(input, keyed);
    expect(first).toMatchObject({ ok: true, replayed: false });
    expect(await quote(input, keyed)).toEqual({ ...first, replayed: true });
  });
});
