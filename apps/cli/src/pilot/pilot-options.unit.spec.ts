import { describe, expect, it } from '@jest/globals';
import { reportOptionsOf, type PilotOptions } from './pilot-options.js';

describe('the command line of a pilot', () => {
  it('reads amounts exactly, in the decimals of their currency', () => {
    expect(reportOptionsOf({})).toMatchObject({
      hourlyRateMinor: 6000,
      toolingCostMinor: 0,
      currency: 'USD',
      benchmark: null,
      groupBy: null,
    });
    expect(reportOptionsOf({ hourlyRate: '62.5', toolingCost: '0.07', complianceCost: '1234567890.99' })).toMatchObject({
      ...{ hourlyRateMinor: 6250, toolingCostMinor: 7, complianceCostMinor: 123_456_789_099 },
    });
    expect(reportOptionsOf({ hourlyRate: '9000', currency: 'JPY' })).toMatchObject({ hourlyRateMinor: 9000, currency: 'JPY' });
  });

  it('reads a quality bar as a rate or a percentage', () => {
    const bar = (qualityBar: string): string | undefined =>
      reportOptionsOf({ benchmarkCost: '120', qualityBar }).benchmark?.qualityBar.usableRate;
    expect(['0.25', '25%', '12.5%', '100%', '0%', '1'].map(bar)).toEqual(['0.25', '0.25', '0.125', '1', '0', '1']);
    expect(reportOptionsOf({ benchmarkCost: '120', qualityBar: '25%' }).benchmark).toMatchObject({
      ...{ name: 'the current workflow', costPerUsableClip: { currency: 'USD', amountMinor: 12_000 } },
    });
  });

  it('refuses what makes no sense', () => {
    const cases: Array<[PilotOptions, string]> = [
      [{ hourlyRate: '1.005' }, '--hourly-rate 1.005 must be an amount from 0 with at most 2 decimals'],
      [{ hourlyRate: 'sixty' }, '--hourly-rate sixty must be an amount'],
      [{ toolingCost: '-1' }, '--tooling-cost -1 must be an amount'],
      [{ hourlyRate: '1.5', currency: 'JPY' }, 'with at most 0 decimals'],
      [{ qualityBar: '0.2' }, '--benchmark-cost and --quality-bar belong together'],
      [{ benchmarkCost: '1' }, '--benchmark-cost and --quality-bar belong together'],
      [{ benchmarkCost: '1', qualityBar: '101%' }, '--quality-bar 101% must be from 0 to 1'],
      [{ benchmarkCost: '1', qualityBar: 'high' }, '--quality-bar high must be from 0 to 1'],
      [{ groupBy: 'campaign' }, '--group-by is one of brief, model, promptVersion, rejectionReason, week: a log knows no other'],
      [{ currency: 'XYZ' }, '--currency XYZ is no code of ISO 4217'],
    ];
    for (const [options, detail] of cases) expect(() => reportOptionsOf(options)).toThrow(detail);
  });
});
