import { request } from 'node:http';
import { rm, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AssetFetcher, type StoredAsset } from '#libs/assets';
import { createApiWorld, type ApiWorld } from './api-world.js';
import { unseenOperations } from './openapi-check.js';

let world: ApiWorld;
let video: StoredAsset;
let text: StoredAsset;
let url: string;

const keep = async (source: string): Promise<StoredAsset> => {
  const outcome = await world.api.app.get(AssetFetcher, { strict: false }).keep('default', source);
  if (!outcome.kept) throw new Error(outcome.failure.detail);
  return outcome.asset;
};
const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): ReturnType<ApiWorld['call']> =>
  world.call(method, path, undefined, { key: null, headers });

beforeAll(async () => {
  world = await createApiWorld({}, { orchestrated: false });
  ({ url } = await world.api.listen());
  video = await keep('https://assets.simulator.example/task_1.1.mp4?seconds=2');
  text = await keep('https://assets.simulator.example/task_1.1.txt');
});
afterAll(() => world.close());

describe('GET /v1/assets/{name}', () => {
  it('needs no key, and says all that a browser and its caches want to know', async () => {
    const response = await fetch(url + video.url);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': String(video.bytes),
      'content-disposition': `inline; filename="${video.name}"`,
      'accept-ranges': 'bytes',
      etag: `"${video.id}"`,
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'cross-origin',
      'access-control-allow-origin': '*',
    });
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none';.* sandbox$/);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.length).toBe(video.bytes);
    expect(bytes.subarray(4, 8).toString()).toBe('ftyp');
  });

  it('answers text as text in UTF-8', async () => {
    const answer = await get(text.url);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.text).toContain('task_1.1');
  });

  it('answers one range with 206, and what lies beyond the end with 416', async () => {
    const part = await get(text.url, { range: 'bytes=0-3' });
    expect(part).toMatchObject({ status: 206, text: 'This' });
    expect(part.headers).toMatchObject({ 'content-range': `bytes 0-3/${text.bytes}`, 'content-length': '4' });
    expect((await get(text.url, { range: 'bytes=-2' })).text).toBe('.\n');
    expect((await get(text.url, { range: `bytes=${text.bytes - 1}-` })).text).toBe('\n');
    expect(await get(text.url, { range: 'bytes=0-1,3-4' })).toMatchObject({ status: 200 });
    const beyond = await get(text.url, { range: `bytes=${text.bytes}-` });
    expect(beyond).toMatchObject({ status: 416, body: { code: 'range_not_satisfiable' } });
    expect(beyond.headers).toMatchObject({ 'content-range': `bytes */${text.bytes}`, 'cache-control': 'no-store' });
  });

  it('honours what a cache has already', async () => {
    const known = await world.call('GET', video.url, undefined, {
      key: null,
      headers: { 'if-none-match': `"other", "${video.id}"` },
      unchecked: true,
    });
    expect(known).toMatchObject({ status: 304, text: '' });
    expect(known.headers).toMatchObject({ etag: `"${video.id}"`, 'cache-control': 'public, max-age=31536000, immutable' });
    expect((await get(video.url, { 'if-none-match': '"other"' })).status).toBe(200);
    expect((await get(video.url, { range: 'bytes=0-1', 'if-range': `"${video.id}"` })).status).toBe(206);
    expect((await get(video.url, { range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
  });

  it('answers HEAD with the same headers and no body', async () => {
    const head = await fetch(url + video.url, { method: 'HEAD', headers: { Range: 'bytes=0-1' } });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(video.bytes));
    expect(head.headers.get('content-type')).toBe('video/mp4');
    expect(await head.text()).toBe('');
    expect((await fetch(`${url}/v1/assets/${'0'.repeat(64)}.mp4`, { method: 'HEAD' })).status).toBe(404);
  });

  it.each([
    `${'0'.repeat(64)}.mp4`,
    'x',
    '..%2f..%2fetc%2fpasswd',
    `${'a'.repeat(64)}.mp4%00`,
    'a'.repeat(64),
    `${'a'.repeat(64)}.toolongextension`,
    `../assets/${'a'.repeat(64)}.mp4`,
  ])('knows nothing of %s', async (name) => {
    const answer = await get(`/v1/assets/${name}`);
    expect(answer).toMatchObject({ status: 404, body: { code: 'not_found', retryable: false } });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('is not found under another extension, nor by its checksum', async () => {
    expect((await get(`/v1/assets/${video.id}.html`)).status).toBe(404);
    expect((await get(`/v1/assets/${video.sha256}.mp4`)).status).toBe(404);
    expect((await get(video.url, {}, 'DELETE')).body).toMatchObject({ code: 'method_not_allowed', allow: ['GET', 'HEAD'] });
  });

  it('is not ready, rather than gone, while the storage cannot be asked', async () => {
    const { assetsDir } = world.config;
    const id = `ff${'0'.repeat(62)}`;
    await mkdir(assetsDir, { recursive: true });
    // A file where a directory should be.
    await writeFile(join(assetsDir, 'ff'), '');
    const answer = await get(`/v1/assets/${id}.mp4`);
    await rm(join(assetsDir, 'ff'));
    expect(answer).toMatchObject({ status: 503, body: { code: 'not_ready', retryable: true } });
  });

  it('lets go of the asset when its reader leaves', async () => {
    await new Promise<void>((resolve, reject) => {
      const asked = request(url + video.url, (response) => {
        response.once('data', () => response.destroy());
        response.once('close', resolve);
      });
      asked.on('error', reject).end();
    });
    expect((await get(video.url)).status).toBe(200);
  });
});

it('answers every operation on assets as the document says', () => {
  expect(unseenOperations((tag) => tag === 'Assets')).toEqual([]);
});
