// Money rules 8 and 10: billing periods, resets, plan changes, opening; with everything that calendars and zones do to them.
import { describe, expect, it } from '@jest/globals';
import { toIso } from '#libs/kernel';
import { isTimezone } from '#libs/ledger';
import { consume, given, only, refund } from '../test/given.js';
import { boundaryAt, nextBoundary, prorated } from './cycle.js';

const at = (instant: string): number => Date.parse(instant);
const boundaries = (anchor: string, timezone: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => toIso(boundaryAt(at(anchor), timezone, n + 1)));

describe('boundaries', () => {
  it('count from the anchor itself: 31 January does not become the 28th for good', () => {
    expect(boundaries('2026-01-31T12:00:00Z', 'UTC', 4).map((day) => day.slice(0, 10))).toEqual([
      '2026-02-28',
      '2026-03-31',
      '2026-04-30',
      '2026-05-31',
    ]);
    expect(toIso(boundaryAt(at('2026-01-31T12:00:00Z'), 'UTC', 25))).toBe('2028-02-29T12:00:00.000Z');
  });

  it('keep the local time of day when clocks change', () => {
    expect(boundaries('2026-03-15T08:00:00Z', 'Europe/Berlin', 2)).toEqual(['2026-04-15T07:00:00.000Z', '2026-05-15T07:00:00.000Z']);
  });

  it('take the day from the local calendar, not from UTC', () => {
    // 1 February 01:00 in Tokyo is 31 January in UTC.
    expect(boundaries('2026-01-31T16:00:00Z', 'Asia/Tokyo', 2)).toEqual(['2026-02-28T16:00:00.000Z', '2026-03-31T16:00:00.000Z']);
  });

  it('move a local time that a clock change skips on by the gap', () => {
    // 29 March 2026, 02:30 does not exist in Berlin.
    expect(boundaries('2026-01-29T01:30:00Z', 'Europe/Berlin', 3)).toEqual([
      '2026-02-28T01:30:00.000Z',
      '2026-03-29T01:30:00.000Z',
      '2026-04-29T00:30:00.000Z',
    ]);
  });

  it.each([
    ['in winter time', '2026-01-25T01:30:00Z'],
    ['in summer time', '2026-07-25T00:30:00Z'],
  ])('of a local time that occurs twice take the first, from an anchor %s', (_, anchor) => {
    const n = anchor.startsWith('2026-01') ? 9 : 3;
    expect(toIso(boundaryAt(at(anchor), 'Europe/Berlin', n))).toBe('2026-10-25T00:30:00.000Z');
  });

  it('begin after the opening: the anchor may be long past, just now, or to come', () => {
    expect(nextBoundary(at('2020-01-31T00:00:00Z'), 'UTC', at('2026-11-21T00:00:00Z'))).toEqual({ n: 82, at: at('2026-11-30T00:00:00Z') });
    expect(nextBoundary(at('2026-11-21T00:00:00Z'), 'UTC', at('2026-11-21T00:00:00Z'))).toEqual({ n: 1, at: at('2026-12-21T00:00:00Z') });
    expect(nextBoundary(at('2026-10-21T00:00:00Z'), 'UTC', at('2026-11-20T23:59:59.999Z'))).toEqual({
      n: 1,
      at: at('2026-11-21T00:00:00Z'),
    });
    expect(nextBoundary(at('2027-01-31T00:00:00Z'), 'UTC', at('2026-11-21T00:00:00Z'))).toEqual({ n: 0, at: at('2027-01-31T00:00:00Z') });
  });

  it('are strictly ascending, a month apart, for anchors all over a year in zones that change their clocks', () => {
    const DAY = 86_400_000;
    const odd: string[] = [];
    for (const timezone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia']) {
      for (let day = 0; day < 366; day += 5) {
        const anchor = at('2028-01-01T00:30:00Z') + day * DAY + (day % 24) * 3_600_000;
        let last = anchor;
        for (let n = 1; n <= 12; n += 1) {
          const next = boundaryAt(anchor, timezone, n);
          if (next - last < 27.9 * DAY || next - last > 31.1 * DAY) odd.push(`${timezone} ${toIso(anchor)} ${n}`);
          last = next;
        }
      }
    }
    expect(odd).toEqual([]);
  });

  it('know the zones of the IANA database and nothing else', () => {
    for (const name of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5']) expect(isTimezone(name)).toBe(true);
    for (const name of ['', 'Mars/Olympus', '+02:00', 'local', 'Berlin', 'Europe/Berlin ']) expect(isTimezone(name)).toBe(false);
  });
});

describe('opening', () => {
  it('grants the plan’s allowance until the next reset', () => {
    const account = given('2026-11-21T10:00:00Z').open('pro');
    expect(account.facts).toMatchObject([
      {
        type: 'AccountOpened',
        data: {
          plan: 'pro',
          planVersion: 1,
          billingAnchor: '2026-11-21T10:00:00.000Z',
          nextResetAt: '2026-12-21T10:00:00.000Z',
          nextCycle: 1,
        },
      },
      {
        type: 'CreditsGranted',
        data: {
          bucket: 'subscription',
          credits: 2000,
          expiresAt: '2026-12-21T10:00:00.000Z',
          reference: 'cycle 2026-11',
          cause: 'allowance',
          costBasis: null,
        },
      },
    ]);
    expect(account.balance()).toMatchObject({ available: 2000, nextReset: { at: '2026-12-21T10:00:00.000Z', allowance: 2000 } });
  });

  it('grants nothing on a plan without an allowance', () => {
    const account = given('2026-11-21T10:00:00Z').open('none');
    expect(account.facts.map((fact) => fact.type)).toEqual(['AccountOpened']);
    expect(account.at('2026-12-21T10:00:00Z').then({ type: 'BookDue' }, 'CycleReset')).toMatchObject([
      { data: { granted: null, lapsed: [] } },
    ]);
  });

  it('happens once', () => {
    const account = given('2026-11-21T10:00:00Z').open('pro');
    account.refuses(
      { type: 'OpenAccount', accountId: 'acc_1', name: { $erasable: 'y' }, plan: 'max', timezone: 'UTC', billingAnchor: null },
      'already_exists',
    );
  });

  it.each([
    ['/plan', { plan: 'gold' }],
    ['/timezone', { timezone: 'Mars/Olympus' }],
    ['/id', { accountId: '.hidden' }],
    ['/id', { accountId: 'a'.repeat(101) }],
    ['/id', { accountId: 'a/b' }],
    ['/billingAnchor', { billingAnchor: at('1800-01-01T00:00:00Z') }],
  ])('refuses a bad %s', (pointer, bad) => {
    const open = {
      type: 'OpenAccount' as const,
      accountId: 'acc_1',
      name: { $erasable: 'x' },
      plan: 'pro',
      timezone: 'UTC',
      billingAnchor: null,
    };
    given('2026-11-21T10:00:00Z').refuses({ ...open, ...bad }, 'validation_failed', { errors: [{ pointer }] });
  });
});

describe('a reset', () => {
  const OPENED = '2026-01-31T00:00:00Z';

  it('lapses unheld subscription credits only, then grants: what was not subscription, and the new allowance', () => {
    const account = given(OPENED).open('pro');
    for (const bucket of ['purchased', 'promotional', 'referral'] as const) account.grant(bucket, 50);
    account.reserve('t', 700);
    account.at('2026-02-28T00:00:00Z');
    const data = only(account.then({ type: 'BookDue' }, 'CycleReset'), 'CycleReset');
    expect(data).toMatchObject({
      cause: 'boundary',
      cycle: 1,
      effectiveAt: '2026-02-28T00:00:00.000Z',
      lapsed: [{ credits: 1300, before: { available: 1300, held: 700 }, after: { available: 0, held: 700, gone: 1300 } }],
      granted: { credits: 2000, expiresAt: '2026-03-31T00:00:00.000Z', reference: 'cycle 2026-02' },
      nextResetAt: '2026-03-31T00:00:00.000Z',
    });
    expect(account.buckets()).toEqual({ subscription: [2000, 700], purchased: [50, 0], promotional: [50, 0], referral: [50, 0] });
  });

  it('runs once however often it is asked for, and not before its instant', () => {
    const account = given(OPENED).open('pro');
    account.at('2026-02-27T23:59:59.999Z').shrugs({ type: 'BookDue' });
    account.at('2026-02-28T00:00:00Z').then({ type: 'BookDue' }, 'CycleReset');
    account.shrugs({ type: 'BookDue' });
    account.at('2026-03-30T23:59:59.999Z').shrugs({ type: 'BookDue' });
  });

  it('after a long stop runs once per period, in order, before the command that woke the account', () => {
    const account = given(OPENED).open('pro');
    account.grant('promotional', 10, { expiresAt: at('2026-03-15T00:00:00Z') });
    account.at('2026-05-31T00:00:00Z');
    const facts = account.do({ type: 'GrantCredits', bucket: 'referral', credits: 1, expiresAt: null, reference: null, costBasis: null });
    expect(facts.map((fact) => [fact.type, 'effectiveAt' in fact.data ? fact.data.effectiveAt.slice(0, 10) : null])).toEqual([
      ['CycleReset', '2026-02-28'],
      ['CreditsExpired', '2026-03-15'],
      ['CycleReset', '2026-03-31'],
      ['CycleReset', '2026-04-30'],
      ['CycleReset', '2026-05-31'],
      ['CreditsGranted', null],
    ]);
    expect(account.buckets()).toEqual({ subscription: [2000, 0], referral: [1, 0] });
    expect(account.state.nextCycle).toBe(5);
  });

  it('that is due and a refusal leave the account untouched together', () => {
    const account = given(OPENED).open('pro');
    const facts = account.facts.length;
    account.at('2026-02-28T00:00:00Z').refuses({ type: 'ChangePlan', plan: 'gold' }, 'validation_failed');
    expect(account.facts).toHaveLength(facts);
  });

  it('includes a grant that was made at the very boundary in the new period', () => {
    const account = given(OPENED).open('pro').at('2026-02-28T00:00:00Z');
    account.grant('subscription', 5);
    expect(account.buckets()).toEqual({ subscription: [2005, 0] });
  });

  it('takes subscription credits that were given through the API along, whatever end they were given', () => {
    const account = given(OPENED).open('free');
    const beyond = account.grant('subscription', 10, { expiresAt: at('2026-12-24T00:00:00Z') });
    const endless = account.grant('subscription', 10);
    const sooner = account.grant('subscription', 10, { expiresAt: at('2026-02-10T00:00:00Z') });
    expect(account.grantOf(endless).expiresAt).toBe(at('2026-02-28T00:00:00Z'));
    account.at('2026-02-28T00:00:00Z').then({ type: 'BookDue' }, 'CreditsExpired', 'CycleReset');
    expect(account.grantOf(sooner).expired).toBe(10);
    expect(account.grantOf(beyond)).toMatchObject({ available: 0, expired: 10 });
    expect(account.buckets()).toEqual({ subscription: [200, 0] });
  });

  it('honours what is held: consumed later, or given its grace', () => {
    const account = given(OPENED).open('pro');
    account.reserve('a', 100);
    account.reserve('b', 100);
    account.at('2026-02-28T00:00:00Z').do(consume('a'));
    const data = only(account.do(refund('b')), 'CreditsRefunded');
    expect(data.reissued).toMatchObject([
      { grant: { bucket: 'subscription', credits: 100, expiresAt: '2026-03-07T00:00:00.000Z', reference: 'cycle 2026-01' } },
    ]);
    expect(account.buckets()).toEqual({ subscription: [2100, 0] });
    account.at('2026-03-07T00:00:00Z').do({ type: 'BookDue' });
    expect(account.buckets()).toEqual({ subscription: [2000, 0] });
  });

  it('of an operator ends the cycle early and leaves the boundaries where the anchor puts them', () => {
    const account = given(OPENED).open('pro');
    account.reserve('t', 300);
    account.at('2026-02-10T00:00:00Z');
    const data = only(account.then({ type: 'ResetCycle', reason: 'outage' }, 'CycleReset'), 'CycleReset');
    expect(data).toMatchObject({
      cause: 'operator',
      reason: 'outage',
      cycle: 0,
      effectiveAt: '2026-02-10T00:00:00.000Z',
      lapsed: [{ credits: 1700 }],
      granted: { credits: 2000, expiresAt: '2026-02-28T00:00:00.000Z' },
      nextResetAt: '2026-02-28T00:00:00.000Z',
    });
    expect(account.buckets()).toEqual({ subscription: [2000, 300] });
    // The hold is of the cycle that was ended, although its grant's own end is still to come.
    expect(only(account.do(refund('t')), 'CreditsRefunded')).toMatchObject({ returned: [], reissued: [{ from: { credits: 300 } }] });
    account.at('2026-02-28T00:00:00Z');
    expect(account.then({ type: 'BookDue' }, 'CreditsExpired', 'CycleReset')).toMatchObject([
      { data: { part: { credits: 300 }, effectiveAt: '2026-02-17T00:00:00.000Z' } },
      { data: { cycle: 1, lapsed: [{ credits: 2000 }] } },
    ]);
    expect(account.state.nextCycle).toBe(2);
  });

  it('books many periods in bounded appends', () => {
    const account = given(OPENED).open('pro').at('2126-01-30T00:00:00Z');
    let rounds = 0;
    for (; account.state.nextResetAt <= account.now; rounds += 1) expect(account.do({ type: 'BookDue' }).length).toBeLessThanOrEqual(1000);
    expect(rounds).toBe(2);
    expect(account.state.nextCycle).toBe(1200);
  });
});

describe('a plan change', () => {
  const OPENED = '2026-11-01T00:00:00Z';

  it('up applies now and grants the difference in full by default', () => {
    const account = given(OPENED).open('free').at('2026-11-16T00:00:00Z');
    expect(account.then({ type: 'ChangePlan', plan: 'pro' }, 'PlanChanged', 'CreditsGranted')).toMatchObject([
      { data: { from: 'free', to: 'pro', effective: 'now', upgradeCredit: 'full' } },
      { data: { bucket: 'subscription', credits: 1800, expiresAt: '2026-12-01T00:00:00.000Z', cause: 'upgrade', costBasis: null } },
    ]);
    expect(account.state).toMatchObject({ plan: 'pro', pendingPlan: null, available: 2000 });
  });

  it('up to a prorated plan grants the part of the cycle that is left, rounded up', () => {
    const account = given(OPENED).open('pro').at('2026-11-16T00:00:00.001Z');
    expect(only(account.do({ type: 'ChangePlan', plan: 'fair' }), 'CreditsGranted').credits).toBe(500);
    const later = given(OPENED).open('pro').at('2026-11-30T23:59:59.999Z');
    expect(only(later.do({ type: 'ChangePlan', plan: 'fair' }), 'CreditsGranted').credits).toBe(1);
  });

  it('up never grants more than the difference, even long before a first boundary', () => {
    expect(prorated(1000, at('2026-11-01T00:00:00Z'), at('2027-05-01T00:00:00Z'), at('2027-06-01T00:00:00Z'))).toBe(1000);
    expect(prorated(999_999_999_999, 0, 0, 2_678_400_000)).toBe(999_999_999_999);
    expect(prorated(999_999_999_999, 1, 0, 2_678_400_000)).toBe(999_999_999_626);
  });

  it('down waits for the next reset, which grants the lower allowance', () => {
    const account = given(OPENED).open('pro');
    account.then({ type: 'ChangePlan', plan: 'free' }, 'PlanChanged');
    expect(account.state).toMatchObject({ plan: 'pro', pendingPlan: 'free', available: 2000 });
    expect(account.balance().nextReset.allowance).toBe(200);
    account.shrugs({ type: 'ChangePlan', plan: 'free' });
    account.at('2026-12-01T00:00:00Z');
    expect(account.do({ type: 'BookDue' })).toMatchObject([{ data: { plan: 'free', previousPlan: 'pro', granted: { credits: 200 } } }]);
    expect(account.state).toMatchObject({ plan: 'free', pendingPlan: null, available: 200 });
  });

  it('back to the present plan cancels a pending downgrade and grants nothing', () => {
    const account = given(OPENED).open('pro');
    account.shrugs({ type: 'ChangePlan', plan: 'pro' });
    account.do({ type: 'ChangePlan', plan: 'free' });
    expect(account.then({ type: 'ChangePlan', plan: 'pro' }, 'PlanChanged')).toMatchObject([{ data: { effective: 'pending_cancelled' } }]);
    expect(account.state).toMatchObject({ plan: 'pro', pendingPlan: null, available: 2000 });
  });

  it('up replaces a pending downgrade', () => {
    const account = given(OPENED).open('pro');
    account.do({ type: 'ChangePlan', plan: 'free' });
    account.do({ type: 'ChangePlan', plan: 'max' });
    expect(account.state).toMatchObject({ plan: 'max', pendingPlan: null, available: 10000 });
  });

  it('in any order adds up to the highest allowance and is never negative', () => {
    const account = given(OPENED).open('free');
    for (const plan of ['pro', 'free', 'pro', 'max', 'pro', 'max']) account.do({ type: 'ChangePlan', plan });
    expect(account.state).toMatchObject({ plan: 'max', pendingPlan: null, available: 10000 });
  });

  it('never hurts running tasks', () => {
    const account = given(OPENED).open('pro');
    account.reserve('t', 1500);
    account.do({ type: 'ChangePlan', plan: 'free' });
    account.at('2026-12-01T00:00:00Z').do(consume('t'));
    expect(account.buckets()).toEqual({ subscription: [200, 0] });
  });

  it('applies on an operator’s reset as on any other', () => {
    const account = given(OPENED).open('pro');
    account.do({ type: 'ChangePlan', plan: 'free' });
    expect(account.do({ type: 'ResetCycle', reason: 'r' })).toMatchObject([{ data: { plan: 'free', granted: { credits: 200 } } }]);
  });

  it('to an unknown plan is refused', () => {
    given(OPENED)
      .open('pro')
      .refuses({ type: 'ChangePlan', plan: 'gold' }, 'validation_failed', { errors: [{ pointer: '/plan' }] });
  });
});
