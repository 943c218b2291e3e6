import { describe, expect, it } from '@jest/globals';
import { ClosedPeriods } from './closed-periods.js';
import { csvLine } from './csv.js';
import { majorUnits } from './currency-units.js';
import { exportAs } from './exports.js';
import type { PostingView } from './finance.views.js';

const posting = (position: string, index: number, amount: number): PostingView => ({
  ...{ id: `${position}/${index}`, position, index, effectiveAt: '2026-11-21T10:00:00.000Z', recordedAt: '2026-11-21T10:00:00.000Z' },
  ...{
    account: index === 0 ? 'assets:clearing' : 'liabilities:deferred-revenue',
    commodity: 'USD',
    amount,
    eventId: 'evt_1',
    eventType: 'CreditsGranted',
  },
  ...{ accountId: null, bucket: null, grantId: null, taskId: null, model: null, provider: null },
});

async function* these<Item>(...items: Item[]): AsyncGenerator<Item> {
  yield* items;
}

describe('amounts in major units', () => {
  it('have all the decimals of their currency and no float', () => {
    const shown = [
      [-999, 'USD'],
      [5, 'USD'],
      [1_000, 'JPY'],
      [-1, 'KWD'],
      [70, 'CREDIT'],
      [Number.MAX_SAFE_INTEGER, 'EUR'],
    ] as const;
    expect(shown.map(([amount, commodity]) => majorUnits(amount, commodity))).toEqual([
      '-9.99',
      '0.05',
      '1000',
      '-0.001',
      '70',
      '90071992547409.91',
    ]);
  });
});

describe('a CSV line', () => {
  it('guards what a spreadsheet would run, quotes what needs it, and leaves numbers alone', () => {
    expect(csvLine(['=1+1', '+2', '-3', '@x', '\tx', 'a,b', 'say "so"', -5, null, 'plain'])).toBe(
      `'=1+1,'+2,'-3,'@x,'\tx,"a,b","say ""so""",-5,,plain\r\n`,
    );
  });
});

describe('a journal for hledger', () => {
  it('writes an entry once, also where two pages part it', async () => {
    const journal = {
      ...{
        position: '0000000000000002',
        commodities: ['CREDIT', 'KWD', 'USD'],
        accounts: () => these(['assets:clearing', 'liabilities:deferred-revenue']),
      },
      pages: () => these([posting('1', 0, 999)], [posting('1', 1, -999), posting('2', 0, 5)], [posting('2', 1, -5)]),
    };
    let text = '';
    for await (const part of exportAs('hledger', journal)) text += part;
    expect(text).toBe(`decimal-mark .

commodity 1000. CREDIT
commodity 1000.000 KWD
commodity 1000.00 USD

account assets:clearing
account liabilities:deferred-revenue

2026-11-21 * CreditsGranted  ; position:1, event:evt_1
    assets:clearing  9.99 USD
    liabilities:deferred-revenue  -9.99 USD

2026-11-21 * CreditsGranted  ; position:2, event:evt_1
    assets:clearing  0.05 USD
    liabilities:deferred-revenue  -0.05 USD
`);
  });
});

describe('the instant that a late fact takes effect at', () => {
  const october = Date.UTC(2026, 9, 15);
  const closes = (): ClosedPeriods => {
    const periods = new ClosedPeriods();
    periods.close('t1', '2026-10', '2026-11-05T00:00:00.000Z');
    return periods;
  };

  it('is the later of its record and the close, and says what it would have been', () => {
    const recorded = Date.UTC(2026, 10, 20);
    expect(closes().date('t1', october, recorded)).toEqual({ effectiveAt: recorded, originalEffectiveAt: october });
    expect(closes().date('t1', october, Date.UTC(2026, 10, 4))).toEqual({
      effectiveAt: Date.UTC(2026, 10, 5),
      originalEffectiveAt: october,
    });
  });

  it('is its own in an open month, and in another tenant’s books', () => {
    const november = Date.UTC(2026, 10, 1);
    expect(closes().date('t1', november, november)).toEqual({ effectiveAt: november, originalEffectiveAt: null });
    expect(closes().date('t2', october, october)).toEqual({ effectiveAt: october, originalEffectiveAt: null });
  });

  it('is not moved back into a closed month by an earlier one that closes later, without postings', () => {
    const periods = closes();
    periods.close('t1', '2026-08', '2026-12-01T00:00:00.000Z');
    expect(periods.date('t1', october, october).effectiveAt).toBe(Date.UTC(2026, 10, 5));
  });
});
