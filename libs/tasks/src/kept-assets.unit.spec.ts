// Shows that where a task's assets are kept is written once, on whatever the task came to, and how clients see it.
import { describe, expect, it } from '@jest/globals';
import type { TaskCommand } from './task.commands.js';
import { UNCHANGED } from '#libs/kernel';
import { NO_FIGURES, taskView } from './task.view.js';
import {
  accept,
  acceptLate,
  ASSET,
  complete,
  DEADLINE_AT,
  dispatch,
  GONE,
  KEPT,
  lose,
  Story,
  submitted,
  timeOut,
  types,
} from './testing/given.js';

const SECOND = { ...ASSET, url: 'https://assets.example/2.png', mediaType: 'image/png', durationSeconds: null };
const place = { index: 0, late: false, sourceUrl: ASSET.url };

function keep(changes: Partial<Extract<TaskCommand, { type: 'RecordAssets' }>['stored'][number]> = {}): TaskCommand {
  return { type: 'RecordAssets', stored: [{ ...place, ...KEPT, ...changes }], notStored: [] };
}

function giveUp(changes: Partial<typeof place> = {}): TaskCommand {
  return { type: 'RecordAssets', stored: [], notStored: [{ ...place, ...GONE, ...changes }] };
}

const completed = (): Story =>
  Story.given(submitted())
    .then(dispatch)
    .then(accept())
    .then(complete({ assets: [ASSET, SECOND] }));
const late = (policy: 'offer' | 'deliver_free' | 'discard'): Story =>
  Story.given(submitted())
    .then(dispatch)
    .then(accept())
    .then(timeOut, DEADLINE_AT)
    .then(complete({ lateResultPolicy: policy }), DEADLINE_AT + 5_000);
const seen = (story: Story) => taskView(story.state, NO_FIGURES, { prompt: null, metadata: null }, { revision: 0, position: '' }).assets;

describe('the assets of a task', () => {
  it('are the provider’s until they are stored, and ours from then on', () => {
    const story = completed();
    const unstored = { stored: false, sha256: null, bytes: null, width: null, height: null, late: false };
    expect(seen(story)).toEqual([
      { ...ASSET, ...unstored },
      { ...SECOND, ...unstored },
    ]);
    story.then(keep());
    expect(story.facts.at(-1)).toMatchObject({ type: 'TaskAssetsStored', data: { assets: [{ ...place, ...KEPT }] } });
    expect(seen(story)).toEqual([
      { ...KEPT, durationSeconds: ASSET.durationSeconds, late: false, stored: true },
      { ...SECOND, ...unstored },
    ]);
    expect(story.state.status).toBe('completed');
  });

  it('show the measured duration where the provider says none', () => {
    const story = completed().then(keep({ index: 1, sourceUrl: SECOND.url }));
    expect(seen(story)[1]).toMatchObject({ durationSeconds: KEPT.durationSeconds, stored: true });
  });

  it('are recorded once, whoever says it again and wherever it is kept by then', () => {
    const story = completed().then(keep());
    expect(story.when(keep())).toBe(UNCHANGED);
    expect(story.when(keep({ url: '/v1/assets/other.mp4' }))).toBe(UNCHANGED);
    expect(story.when(giveUp())).toBe(UNCHANGED);
  });

  it('can be stored after they were given up, and are given up once', () => {
    const story = completed().then(giveUp());
    expect(story.facts.at(-1)).toMatchObject({ type: 'TaskAssetsNotStored', data: { assets: [{ ...place, ...GONE }] } });
    expect(seen(story)[0]).toMatchObject({ url: ASSET.url, stored: false });
    expect(story.when(giveUp())).toBe(UNCHANGED);
    expect(seen(story.then(keep()))[0]).toMatchObject({ url: KEPT.url, stored: true });
  });

  it('that are stored and those that are not stand side by side', () => {
    const both: TaskCommand = {
      type: 'RecordAssets',
      stored: [{ ...place, ...KEPT }],
      notStored: [{ index: 1, late: false, sourceUrl: SECOND.url, ...GONE }],
    };
    expect(types(completed().when(both))).toEqual(['TaskAssetsStored', 'TaskAssetsNotStored']);
  });

  it('are none that the task does not have', () => {
    expect(completed().when(keep({ index: 2 }))).toBe(UNCHANGED);
    expect(completed().when(keep({ late: true }))).toBe(UNCHANGED);
    expect(completed().when(keep({ sourceUrl: 'https://assets.example/other.mp4' }))).toBe(UNCHANGED);
    expect(Story.given(submitted()).when(keep())).toBe(UNCHANGED);
  });

  it('of a late result are stored before anybody takes it, and stay so', () => {
    const offered = late('offer').then(keep({ late: true }));
    expect(seen(offered)).toEqual([]);
    expect(seen(offered.then(acceptLate))).toMatchObject([{ url: KEPT.url, late: true, stored: true }]);
    const taken = late('offer')
      .then(acceptLate)
      .then(keep({ late: true }));
    expect(seen(taken)).toMatchObject([{ url: KEPT.url, late: true, stored: true }]);
    expect(seen(late('deliver_free').then(keep({ late: true })))).toMatchObject([{ url: KEPT.url, late: true, stored: true }]);
    expect(late('discard').when(keep({ late: true }))).toBe(UNCHANGED);
  });

  it('of a late result that came while the task went on are stored as well', () => {
    const story = Story.given(submitted())
      .then(dispatch)
      .then(accept())
      .then(lose(DEADLINE_AT - 1_000))
      .then(complete())
      .then(keep({ late: true }));
    expect(story.facts.at(-1)?.type).toBe('TaskAssetsStored');
  });
});
