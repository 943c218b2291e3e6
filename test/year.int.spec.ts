import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';
import { HAS_HLEDGER, NO_HLEDGER } from './support/hledger.js';
import { accountFor, type YearReport } from './year/accounting.js';

describe('a generated year of 2,000 tasks', () => {
  let database: TestDatabase;
  let report: YearReport;

  beforeAll(async () => {
    database = await createTestDatabase();
    const options = {
      ...{ seed: 20_261_121, accounts: 20, tasks: 2_000, ticksPerDay: 0.5, from: Date.UTC(2026, 0), months: 12, tenant: 't1' },
      ...{ lapsedRefund: 'grace' as const, atOnce: 20 },
    };
    report = await accountFor(database.url, options, () => undefined);
  });
  afterAll(() => database.drop());

  it('has everything in it that can happen to credits', () => {
    const types = [
      'CreditsGranted',
      'CreditsReserved',
      'CreditsConsumed',
      'CreditsRefunded',
      'CreditsExpired',
      'CycleReset',
      'CreditsAdjusted',
    ];
    const rare = [
      'GrantRevoked',
      'DisputeOpened',
      'DisputeWon',
      'DisputeLost',
      'DebtRecorded',
      'DebtRepaid',
      'ProviderCostBooked',
      'BillLineBooked',
      'late result taken',
    ];
    for (const type of [...types, ...rare]) expect([type, report.tally.get(type) ?? 0]).not.toEqual([type, 0]);
  });

  it('closes twelve periods, two asking at once each time, and every closing is the next opening to the last unit', () => {
    expect(report.periods.map(({ period, status }) => [period, status])).toEqual(
      Array.from({ length: 12 }, (_, month) => [`2026-${String(month + 1).padStart(2, '0')}`, 'closed']),
    );
    expect(report.closesAtOnce).toBe(12);
    expect(report.faults).toEqual([]);
  });

  (HAS_HLEDGER ? it : it.skip)(`exports books that hledger takes${HAS_HLEDGER ? '' : ` (${NO_HLEDGER})`}`, () => {
    expect(report.hledger?.check).toBe('');
  });
});
