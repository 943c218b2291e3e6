import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFauxqs, type FauxqsServer } from 'fauxqs';
import { pino } from 'pino';
import { ASSET_STORAGE, CONFIG, DEPLOYMENT_SECRET, DeploymentSecret, LOGGER, parseConfig, PROVIDERS } from '#libs/platform';
import { AssetFetcher } from './asset.fetcher.js';
import type { AssetStorage } from './asset-storage.port.js';
import { AssetsModule } from './assets.module.js';
import { LocalStorage } from './local/local.storage.js';
import { S3Storage } from './s3/s3.storage.js';

let dir: string;
let server: FauxqsServer;

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  dir = await mkdtemp(join(tmpdir(), 'rollcredits-module-'));
  server = await startFauxqs({ port: 0, logger: false, init: { region: 'us-east-1', buckets: ['media'] } });
});
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

const simulator = {
  contentOf: () => ({ bytes: Buffer.from('made here'), mediaType: 'text/plain', durationSeconds: null, width: null, height: null }),
};

describe('a process with assets', () => {
  it.each<[string, () => Record<string, string>, new (...parts: never[]) => AssetStorage]>([
    ['in a directory', () => ({ ASSETS_DIR: dir }), LocalStorage],
    [
      'in a bucket',
      () => ({ ASSETS_DIR: dir, ASSETS_S3_BUCKET: 'media', ASSETS_S3_ENDPOINT: `http://127.0.0.1:${server.port}` }),
      S3Storage,
    ],
  ])('keeps them %s, as its configuration says', async (_, env, kind) => {
    @Global()
    @Module({
      providers: [
        { provide: CONFIG, useValue: parseConfig(env()) },
        { provide: LOGGER, useValue: pino({ level: 'silent' }) },
        { provide: DEPLOYMENT_SECRET, useValue: new DeploymentSecret(Buffer.alloc(32, 1)) },
        { provide: PROVIDERS, useValue: new Map([['simulator', simulator]]) },
      ],
      exports: [CONFIG, LOGGER, DEPLOYMENT_SECRET, PROVIDERS],
    })
    class Given {}
    const module = await Test.createTestingModule({ imports: [Given, AssetsModule] }).compile();
    const storage = module.get<AssetStorage>(ASSET_STORAGE);
    expect(storage).toBeInstanceOf(kind);
    const outcome = await module.get(AssetFetcher).keep('acme', 'https://anywhere.example/1');
    expect(outcome.kept && (await storage.find(outcome.asset.name))).toEqual({ bytes: 9, mediaType: 'text/plain' });
    await module.close();
  });
});
