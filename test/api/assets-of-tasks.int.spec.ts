// From a submitted task to bytes that anyone with the address can play: the whole way of an asset through the running deployment.
import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasProgram, NO_FFPROBE } from '../support/programs.js';
import { until } from '../support/until.js';
import { createApiWorld, type ApiWorld } from './api-world.js';

let world: ApiWorld;
let url: string;

beforeAll(async () => {
  world = await createApiWorld();
  ({ url } = await world.api.listen());
  await world.call('POST', '/v1/accounts', { id: 'maker', name: 'Maker', plan: 'max' });
});
afterAll(() => world.close());

interface SeenAsset {
  url: string;
  mediaType: string;
  durationSeconds: string | null;
  stored: boolean;
  sha256: string | null;
  bytes: number | null;
  width: number | null;
}

async function assetOf(model: string, parameters: object): Promise<SeenAsset> {
  const made = await world.call('POST', '/v1/tasks', { accountId: 'maker', model, prompt: 'a plane', parameters });
  expect(made.status).toBe(202);
  const path = `/v1/tasks/${made.body.id as string}`;
  let asset: SeenAsset | undefined;
  await until(
    async () => {
      asset = ((await world.call('GET', path)).body as { assets: SeenAsset[] }).assets[0];
      return asset?.stored === true;
    },
    { what: () => `the asset to be kept: ${JSON.stringify(asset)}` },
  );
  return asset as SeenAsset;
}

describe('the asset of a task', () => {
  it('is kept, shown at an address of ours, and handed out byte for byte', async () => {
    const asset = await assetOf('kling-ai-5s', { simulate: { afterMs: 0 } });
    expect(asset).toMatchObject({ mediaType: 'video/mp4', durationSeconds: '5', width: 320 });
    expect(asset.url).toMatch(/^\/v1\/assets\/[0-9a-f]{64}\.mp4$/);
    const response = await fetch(url + asset.url);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(response.headers.get('content-type')).toBe('video/mp4');
    expect(bytes.length).toBe(asset.bytes);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(asset.sha256);
  });

  const measured = hasProgram('ffprobe') ? it : it.skip;

  measured(`lasts as long as was delivered${hasProgram('ffprobe') ? '' : ` (${NO_FFPROBE})`}`, async () => {
    const asset = await assetOf('kling-ai-5s', { simulate: { afterMs: 0, deliveredFraction: 0.7 } });
    const options = ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', url + asset.url];
    const { stdout } = await promisify(execFile)('ffprobe', options);
    expect(asset.durationSeconds).toBe('3.5');
    expect(Number(stdout)).toBe(3.5);
  });
});
