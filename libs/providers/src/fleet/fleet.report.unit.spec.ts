// When a silent worker is given up, and when it must not be.
import { describe, expect, it } from '@jest/globals';
import { fleetReportOf, silenceOf } from './fleet.report.js';
import { claim, FAILURE, heartbeat, HEARTBEAT_MS, JobStory, probe, queued, release, SENT_MS, SUCCESS, verdict } from './testing/given.js';

const claimed = (): JobStory => new JobStory().then(claim());
const after = (story: JobStory, heartbeats: number): number => story.job.heardMs! + heartbeats * HEARTBEAT_MS;

describe('silence', () => {
  it('of a job that nobody claimed is no silence: it waits in the queue', () => {
    expect(silenceOf(queued(), SENT_MS + 86_400_000)).toBe('none');
    expect(fleetReportOf(queued(), SENT_MS + 86_400_000, true)).toEqual({ kind: 'running', percent: null });
  });

  it('of two heartbeats makes us ask, and three of them lose the attempt once the question was read', () => {
    const story = claimed();
    expect(silenceOf(story.job, after(story, 1.9))).toBe('none');
    expect(silenceOf(story.job, after(story, 2))).toBe('ask');
    expect(silenceOf(story.job, after(story, 100))).toBe('ask');
    story.then(probe, 2 * HEARTBEAT_MS);
    expect(silenceOf(story.job, after(story, 2.9))).toBe('none');
    expect(silenceOf(story.job, after(story, 3))).toBe('lost');
  });

  it('that ended while nobody read leaves the worker time for one more heartbeat', () => {
    const story = claimed().then(probe, 20 * HEARTBEAT_MS);
    expect(silenceOf(story.job, story.at + HEARTBEAT_MS - 1)).toBe('none');
    expect(silenceOf(story.job, story.at + HEARTBEAT_MS)).toBe('lost');
    expect(silenceOf(story.then(heartbeat()).job, story.at + HEARTBEAT_MS)).toBe('none');
  });

  it('begins anew with every heartbeat, and the old question says nothing of it', () => {
    const story = claimed()
      .then(probe, 2 * HEARTBEAT_MS)
      .then(heartbeat());
    expect(silenceOf(story.job, after(story, 3))).toBe('ask');
  });

  it('is nothing once there is a verdict, or once it was given back', () => {
    const over = claimed().then(verdict());
    expect(silenceOf(over.job, after(over, 50))).toBe('none');
    expect(silenceOf(claimed().then(release()).job, SENT_MS + 1e9)).toBe('none');
  });
});

describe('a report', () => {
  it('of a lost attempt says whether the deployment lets another worker do it again', () => {
    const { job } = claimed().but({ lostMs: SENT_MS + 1 });
    expect(fleetReportOf(job, 0, true)).toMatchObject({ kind: 'lost', mayRunAgain: true });
    expect(fleetReportOf(job, 0, false)).toMatchObject({ kind: 'lost', mayRunAgain: false });
  });

  it('of a verdict wins over the loss: whoever asks then hears the verdict', () => {
    const { job } = claimed()
      .but({ lostMs: SENT_MS + 1 })
      .then(verdict());
    expect(fleetReportOf(job, 0, true)).toEqual(SUCCESS);
    expect(fleetReportOf(claimed().then(verdict(FAILURE)).job, 0, true)).toEqual({ ...FAILURE, mayRunAgain: true });
  });

  it('of a job that is not known to be on the topic says that it is to be sent', () => {
    expect(fleetReportOf(queued({ sentMs: null }), SENT_MS, true)).toEqual({ kind: 'returned' });
    expect(fleetReportOf(claimed().then(release()).job, SENT_MS + 300, true)).toEqual({ kind: 'returned' });
  });

  it('of a job that is given back again and again lets it rest ever longer', () => {
    const job = queued({ sentMs: null, releases: 5, releasedMs: SENT_MS });
    expect(fleetReportOf(job, SENT_MS + 7_999, true)).toEqual({ kind: 'running', percent: null });
    expect(fleetReportOf(job, SENT_MS + 8_000, true)).toEqual({ kind: 'returned' });
    expect(fleetReportOf({ ...job, releases: 1_000 }, SENT_MS + 30_000, true)).toEqual({ kind: 'returned' });
  });
});
