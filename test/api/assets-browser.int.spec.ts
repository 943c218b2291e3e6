// A stored asset in a real browser: the one judge of whether a file "plays".
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { AssetFetcher, type StoredAsset } from '#libs/assets';
import { hasProgram, NO_CHROMIUM } from '../support/programs.js';
import { createApiWorld, type ApiWorld } from './api-world.js';

const isThere = hasProgram('chromium');
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

/** A browser starts and loads slowly on a busy machine. */
const PATIENCE_MS = 120_000;

/** What a page knows of a medium; written as text because it runs in the browser. */
const PLAYED = `async (medium) => {
  const happened = (name) => new Promise((resolve, reject) => {
    medium.addEventListener(name, resolve, { once: true });
    medium.addEventListener('error', () => reject(new Error(name + ': ' + (medium.error?.message ?? 'no error'))), { once: true });
  });
  if (medium.readyState < 2) await happened('loadeddata');
  const ended = happened('ended');
  medium.muted = true;
  await medium.play();
  await ended;
  return { duration: medium.duration, width: medium.videoWidth ?? null, height: medium.videoHeight ?? null, at: medium.currentTime };
}`;

(isThere ? describe : describe.skip)(`a simulated asset in a browser${isThere ? '' : `: ${NO_CHROMIUM}`}`, () => {
  let world: ApiWorld;
  let api: string;
  let profile: string;
  let browser: BrowserContext;
  let page: Page;
  /** Another origin than the API's: a customer's own page. */
  let pages: Server;
  let html = '';

  const keep = async (source: string): Promise<StoredAsset> => {
    const outcome = await world.api.app.get(AssetFetcher, { strict: false }).keep('default', `https://assets.simulator.example/${source}`);
    if (!outcome.kept) throw new Error(outcome.failure.detail);
    return outcome.asset;
  };
  const show = async (body: string): Promise<void> => {
    html = `<!doctype html><title>page</title>${body}`;
    await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
  };
  const played = (selector: string): Promise<{ duration: number; width: number; height: number; at: number }> =>
    page.evaluate(`(${PLAYED})(document.querySelector('${selector}'))`);

  beforeAll(async () => {
    world = await createApiWorld({}, { orchestrated: false });
    ({ url: api } = await world.api.listen());
    pages = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(html));
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
    profile = await mkdtemp(join(tmpdir(), 'rollcredits-chromium-'));
    browser = await chromium.launchPersistentContext(profile, {
      ...{ executablePath: '/usr/bin/chromium', args: FLAGS, chromiumSandbox: false },
      timeout: PATIENCE_MS,
    });
    browser.setDefaultTimeout(PATIENCE_MS);
    page = browser.pages()[0] ?? (await browser.newPage());
  });
  afterAll(async () => {
    await browser.close();
    pages.closeAllConnections();
    await new Promise((resolve) => pages.close(resolve));
    await rm(profile, { recursive: true, force: true });
    await world.close();
  });

  it.each(['1', '0.5', '1.25'])('is a video of %s seconds that plays to its end on a page of another origin', async (seconds) => {
    const { url } = await keep(`task_${seconds}.1.mp4?seconds=${seconds}`);
    await show(`<video src="${api}${url}"></video>`);
    expect(await played('video')).toEqual({ duration: Number(seconds), width: 320, height: 180, at: Number(seconds) });
  });

  it('can be wound forward, which takes ranges', async () => {
    const { url } = await keep('task_2.1.mp4?seconds=60');
    await show(`<video src="${api}${url}"></video>`);
    const at = await page.evaluate(`new Promise((resolve, reject) => {
      const video = document.querySelector('video');
      video.addEventListener('error', () => reject(video.error));
      video.addEventListener('seeked', () => resolve(video.currentTime));
      video.currentTime = 42.5;
    })`);
    expect(at).toBe(42.5);
  });

  it('shows the colour of its task', async () => {
    const colourOf = async (job: string): Promise<number[]> => {
      const { url } = await keep(`${job}.mp4?seconds=1`);
      await show(`<video crossorigin src="${api}${url}"></video>`);
      await played('video');
      return page.evaluate(`(() => {
        const canvas = document.createElement('canvas');
        const context = canvas.getContext('2d');
        context.drawImage(document.querySelector('video'), 0, 0);
        return [...context.getImageData(5, 5, 1, 1).data];
      })()`);
    };
    const [one, other] = [await colourOf('task_a.1'), await colourOf('task_b.1')];
    expect(one).not.toEqual(other);
    expect(one[3]).toBe(255);
  });

  it('is a sound that plays and an image that is drawn', async () => {
    const [sound, image] = [await keep('task_3.1.wav?seconds=0.5'), await keep('task_4.1.png')];
    await show(`<audio src="${api}${sound.url}"></audio><img src="${api}${image.url}">`);
    expect(await played('audio')).toMatchObject({ duration: 0.5 });
    await page.evaluate(`document.querySelector('img').decode()`);
    expect(await page.evaluate(`[document.querySelector('img').naturalWidth, document.querySelector('img').naturalHeight]`)).toEqual([
      320, 180,
    ]);
  });
});
