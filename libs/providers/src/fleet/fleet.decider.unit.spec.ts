// Every message in every state: what workers may say, in whatever order it comes, and what it may not do.
import { describe, expect, it } from '@jest/globals';
import type { FleetOutcome } from './fleet.decider.js';
import type { FleetSaying } from './fleet.messages.js';
import { fleetReportOf } from './fleet.report.js';
import { claim, FAILURE, heartbeat, JobStory, probe, release, SENT_MS, SUCCESS, verdict } from './testing/given.js';

const STATES = {
  queued: () => new JobStory(),
  claimed: () => new JobStory().then(claim()),
  released: () => new JobStory().then(claim()).then(release()),
  'sent again': () =>
    new JobStory()
      .then(claim())
      .then(release())
      .but({ sentMs: SENT_MS + 500 }),
  cancelling: () => new JobStory().then(claim()).but({ cancelMs: SENT_MS + 200 }),
  withdrawn: () => new JobStory().but({ cancelMs: SENT_MS + 50 }),
  'given up': () => new JobStory().then(claim()).but({ lostMs: SENT_MS + 20_000 }),
  decided: () => new JobStory().then(claim()).then(verdict()),
} as const;

const SAYINGS = {
  claim: claim(),
  'another claim': claim('b'),
  heartbeat: heartbeat(40),
  'nameless heartbeat': heartbeat(40, null),
  'another heartbeat': heartbeat(40, 'b'),
  success: verdict(),
  'another success': verdict(SUCCESS, 'b'),
  failure: verdict(FAILURE),
  'another failure': verdict(FAILURE, 'b'),
  release: release(),
  'another release': release('b'),
  probe,
} as const;

type Said = keyof typeof SAYINGS;
const OUTCOMES: Record<keyof typeof STATES, Record<Said, FleetOutcome>> = {
  queued: table(
    'claimed',
    'claimed',
    'heartbeat',
    'heartbeat',
    'heartbeat',
    'verdict',
    'verdict',
    'verdict',
    'verdict',
    'released',
    'released',
  ),
  claimed: table(
    'repeated_claim',
    'second_claim',
    'heartbeat',
    'heartbeat',
    'other_worker',
    'verdict',
    'verdict',
    'verdict',
    'other_worker',
    'released',
    'other_worker',
  ),
  released: table(
    'claimed',
    'claimed',
    'after_release',
    'after_release',
    'after_release',
    'verdict',
    'verdict',
    'verdict',
    'verdict',
    'after_release',
    'after_release',
  ),
  'sent again': table(
    'claimed',
    'claimed',
    'heartbeat',
    'heartbeat',
    'heartbeat',
    'verdict',
    'verdict',
    'verdict',
    'verdict',
    'released',
    'released',
  ),
  cancelling: table(
    'repeated_claim',
    'second_claim',
    'heartbeat',
    'heartbeat',
    'other_worker',
    'verdict',
    'verdict',
    'verdict',
    'other_worker',
    'verdict',
    'other_worker',
  ),
  withdrawn: table(
    'withdrawn',
    'withdrawn',
    'withdrawn',
    'withdrawn',
    'withdrawn',
    'late_verdict',
    'late_verdict',
    'late_verdict',
    'late_verdict',
    'withdrawn',
    'withdrawn',
  ),
  'given up': table(
    'given_up',
    'given_up',
    'given_up',
    'given_up',
    'given_up',
    'late_verdict',
    'late_verdict',
    'late_verdict',
    'other_worker',
    'given_up',
    'given_up',
  ),
  decided: table(...(Array.from({ length: 11 }, () => 'after_verdict') as FleetOutcome[])),
};

function table(...outcomes: FleetOutcome[]): Record<Said, FleetOutcome> {
  const said = Object.keys(SAYINGS) as Said[];
  return Object.fromEntries(said.map((name, index) => [name, outcomes[index] ?? 'probe'])) as Record<Said, FleetOutcome>;
}

const CASES = (Object.keys(STATES) as Array<keyof typeof STATES>).flatMap((state) =>
  (Object.keys(SAYINGS) as Said[]).map((said) => [state, said, OUTCOMES[state][said]] as const),
);

/** What may not change whatever is said: where it counts for money. */
const settledPart = ({ job }: { job: JobStory['job'] }): unknown => [job.verdict, job.lostMs, job.cancelMs];

describe('a job of a fleet', () => {
  it.each(CASES)('that is %s, on %s: %s', (state, said, outcome) => {
    const story = STATES[state]();
    const decision = story.when(SAYINGS[said]);
    expect(decision.outcome).toBe(outcome);
    if (!['verdict', 'late_verdict'].includes(outcome)) expect(settledPart(decision)).toEqual(settledPart(story));
  });

  it.each(CASES)('that is %s hears %s twice as if once', (state, said) => {
    const story = STATES[state]().then(SAYINGS[said]);
    const once = story.job;
    const { job, outcome } = story.when(SAYINGS[said]);
    expect({ ...job, heardMs: 0, probedMs: 0 }).toEqual({ ...once, heardMs: 0, probedMs: 0 });
    if (['success', 'failure'].includes(said)) expect(outcome).not.toMatch(/^(late_)?verdict$/);
  });

  it('is claimed by whoever heartbeats first, named or not', () => {
    const { job } = new JobStory().then(heartbeat(10, null));
    expect(job).toMatchObject({ worker: null, claimedMs: job.heardMs, percent: 10 });
    expect(new JobStory(job).then(claim('a')).job).toMatchObject({ worker: 'a' });
  });

  it('is never less far than it was', () => {
    expect(new JobStory().then(claim()).then(heartbeat(40)).then(heartbeat(30)).then(heartbeat()).job.percent).toBe(40);
  });

  it('that was given back goes out again, from nothing, and is no one’s', () => {
    const { job } = new JobStory().then(claim()).then(heartbeat(40)).then(probe).then(release());
    expect(job).toMatchObject({ worker: null, claimedMs: null, heardMs: null, probedMs: null, percent: null, sentMs: null, releases: 1 });
  });
});

describe('a worker that should stop', () => {
  it.each<[string, JobStory, FleetSaying, object]>([
    ['came second', STATES.claimed(), claim('b'), { reason: 'claimed_by_another', worker: 'b' }],
    ['goes on though it came second', STATES.claimed(), heartbeat(1, 'b'), { reason: 'claimed_by_another', worker: 'b' }],
    ['was given up', STATES['given up'](), heartbeat(), { reason: 'given_up', worker: 'a' }],
    ['has what was cancelled', STATES.cancelling(), heartbeat(), { reason: 'cancelled', worker: 'a' }],
    ['takes what was cancelled', STATES.withdrawn(), claim(), { reason: 'cancelled', worker: 'a' }],
    ['takes what is decided', STATES.decided(), claim('b'), { reason: 'decided', worker: 'b' }],
  ])('%s is told so', (_why, story, saying, stop) => {
    expect(story.when(saying).stop).toEqual(stop);
  });

  it('is not told by its own last words', () => {
    for (const story of Object.values(STATES)) expect(story().when(verdict()).stop).toBeNull();
  });
});

describe('a cancelled job', () => {
  it('is cancelled, not failed, once its worker says that it stopped', () => {
    const said = verdict({ ...FAILURE, code: 'cancelled', cost: SUCCESS.cost } as typeof FAILURE);
    expect(fleetReportOf(STATES.cancelling().then(said).job, 0, true)).toEqual({ kind: 'cancelled', cost: SUCCESS.cost });
    expect(fleetReportOf(STATES.cancelling().then(release()).job, 0, true)).toEqual({ kind: 'cancelled', cost: null });
    expect(fleetReportOf(STATES.claimed().then(said).job, 0, true)).toMatchObject({ kind: 'failed', code: 'cancelled' });
  });

  it('that was finished all the same is finished', () => {
    expect(fleetReportOf(STATES.cancelling().then(verdict()).job, 0, true)).toMatchObject({ kind: 'succeeded' });
  });
});
