// Shows on a real PostgreSQL that quotes keep their promises, that old ones go, and that the catalogue is seeded once and followed.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { PostgresEventStore } from '#libs/event-store';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { CatalogueMemory } from './catalogue.memory.js';
import { CatalogueWriter } from './catalogue.writer.js';
import { PostgresQuoteStore } from './quote-store.postgres.js';
import type { QuoteStore, StoredQuote } from './quote.port.js';
import { MemoryQuoteStore } from './quote-store.memory.js';
import { seedCatalogue } from './seed.js';
import { meta, MODEL_INPUT, must, NOON, PROVIDERS_OF_TEST, StoppedClock } from './testing/catalogue.fixture.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const DAY_MS = 86_400_000;
let made = 0;
function quoteOf(changes: Partial<StoredQuote> = {}): StoredQuote {
  made += 1;
  const createdAt = changes.createdAt ?? NOON;
  const expiresAt = createdAt + 900_000;
  const id = `quote_${made}`;
  const priced = {
    model: 'kling-ai-5s',
    parameters: { durationSeconds: '7.5', simulate: { outcome: 'fail' } },
    quantity: 3,
    unitCredits: 1_000_000_000_000,
    priceVersion: 'kling-ai-5s@1',
  };
  const view = { id, credits: 70, drawdown: [] } as unknown as StoredQuote['view'];
  return { id, tenant: 'default', accountId: 'acc_1', ...priced, createdAt, expiresAt, requestHash: null, view, ...changes };
}

describe.each<[string, () => QuoteStore]>([
  ['in memory', () => new MemoryQuoteStore()],
  ['in PostgreSQL', () => new PostgresQuoteStore(database.pool)],
])('quotes %s', (_name, open) => {
  it('are found as they were kept, by their tenant only', async () => {
    const [quotes, quote] = [open(), quoteOf()];
    expect(await quotes.keep(quote)).toEqual(quote);
    expect(await quotes.find('default', quote.id)).toEqual(quote);
    expect(await quotes.find('other', quote.id)).toBeNull();
    expect(await quotes.find('default', 'quote_none')).toBeNull();
  });

  it('are kept once: the first of an id stands, also when many come at once', async () => {
    const quotes = open();
    const first = quoteOf({ requestHash: 'a' });
    const rivals = [first, { ...first, quantity: 7 }, { ...first, quantity: 8 }];
    const kept = await Promise.all(rivals.map((rival) => quotes.keep(rival)));
    expect(new Set(kept.map((quote) => quote.quantity)).size).toBe(1);
    expect(await quotes.find('default', first.id)).toEqual(kept[0]);
  });
});

describe('old quotes', () => {
  it('go a day after they expired; those that a key may ask for again stay', async () => {
    const quotes = new PostgresQuoteStore(database.pool);
    const old = quoteOf({ createdAt: NOON - 2 * DAY_MS });
    const keyed = quoteOf({ createdAt: NOON - 2 * DAY_MS, requestHash: 'hash' });
    const expired = quoteOf({ createdAt: NOON - DAY_MS / 2 });
    for (const quote of [old, keyed, expired]) await quotes.keep(quote);
    await quotes.keep(quoteOf());
    expect(await quotes.find('default', old.id)).toBeNull();
    expect(await quotes.find('default', keyed.id)).toEqual(keyed);
    expect(await quotes.find('default', expired.id)).toEqual(expired);
  });
});

describe('the catalogue on PostgreSQL', () => {
  const open: Array<{ close(): Promise<void> }> = [];
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });
  const process = async (): Promise<{
    store: PostgresEventStore;
    catalogue: CatalogueMemory;
    writer: CatalogueWriter;
    written: number;
  }> => {
    const store = new PostgresEventStore({ pool: database.pool });
    const clock = new StoppedClock(NOON + open.length);
    const written = await seedCatalogue(store, clock);
    const catalogue = new CatalogueMemory(store, PROVIDERS_OF_TEST);
    await catalogue.start();
    open.push(store, catalogue);
    return { store, catalogue, writer: new CatalogueWriter(store, catalogue, clock), written };
  };

  it('is seeded once by processes that start together, and each follows the others', async () => {
    const [here, there] = await Promise.all([process(), process()]);
    expect(here.written + there.written).toBe(13);
    const result = await here.writer.changeModel({ type: 'PutModel', modelId: 'mine', input: MODEL_INPUT }, meta());
    expect(await there.catalogue.waitFor(must(result.position), 60_000)).toBe(true);
    expect(there.catalogue.models()).toEqual(here.catalogue.models());
    expect(there.catalogue.plans()).toEqual(here.catalogue.plans());
  });

  it('is the same after a restart, bit for bit', async () => {
    const before = await process();
    await before.writer.changeModel(
      { type: 'PriceModel', modelId: 'pika-basic', credits: 41, effectiveAt: NOON + DAY_MS, reason: 'plan' },
      meta(),
    );
    const after = await process();
    expect(after.written).toBe(0);
    expect(after.catalogue.models()).toEqual(before.catalogue.models());
    expect(after.catalogue.price('pika-basic', undefined, NOON + 10)).toMatchObject({ credits: 40 });
    expect(after.catalogue.price('pika-basic', undefined, NOON + DAY_MS)).toMatchObject({ credits: 41 });
  });
});
