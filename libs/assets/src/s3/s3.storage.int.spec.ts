import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFauxqs, type FauxqsServer } from 'fauxqs';
import { metaOf, nameOf, storageContract } from '../testing/storage.contract.js';
import { S3Storage } from './s3.storage.js';

let dir: string;
let server: FauxqsServer;
const opened: S3Storage[] = [];
const storage = (bucket = 'assets', port = server.port): S3Storage => {
  const one = new S3Storage({ bucket, endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', pathStyle: true }, dir);
  opened.push(one);
  return one;
};

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  dir = await mkdtemp(join(tmpdir(), 'rollcredits-s3-'));
  server = await startFauxqs({ port: 0, logger: false, init: { region: 'us-east-1', buckets: ['assets'] } });
});
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()));
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('a bucket', () => {
  storageContract(
    () => storage(),
    () => storage(),
  );

  it('is told the media type, so that it could hand the asset out itself', async () => {
    const name = nameOf();
    const bytes = Buffer.from('content');
    await storage().put(name, { bytes }, metaOf(bytes));
    const client = new S3Client({ region: 'us-east-1', endpoint: `http://127.0.0.1:${server.port}`, forcePathStyle: true });
    const head = await client.send(new HeadObjectCommand({ Bucket: 'assets', Key: `assets/${name}` }));
    client.destroy();
    expect(head).toMatchObject({ ContentType: 'video/mp4', ContentLength: 7 });
  });

  it('that is not there takes nothing', async () => {
    const bytes = Buffer.from('x');
    await expect(storage('nowhere').put(nameOf(), { bytes }, metaOf(bytes))).rejects.toThrow();
  });

  it('that cannot be reached is no asset that is not there', async () => {
    const away = storage('assets', 1);
    await expect(away.find(nameOf())).rejects.toThrow();
    await expect(away.open(nameOf())).rejects.toThrow();
  });
});
