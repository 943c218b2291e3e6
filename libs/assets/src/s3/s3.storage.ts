// Keeps assets in a bucket of Amazon S3, or of a storage that speaks its language.
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { LRUCache } from 'lru-cache';
import type { Config } from '#libs/platform';
import { parseAssetName } from '../asset-name.js';
import type { AssetContent, AssetFacts, AssetMeta, AssetStorage, ByteRange } from '../asset-storage.port.js';
import { mediaTypeOf } from '../media-types.js';
import { StagingDir } from '../staging-dir.js';

const PREFIX = 'assets/';
/** What is there stays as it is, so that it need not be asked for twice. */
const KNOWN_MAX = 50_000;
const TIMEOUTS = { connectionTimeout: 5_000, socketTimeout: 60_000 };

export class S3Storage implements AssetStorage {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #staging: StagingDir;
  readonly #known = new LRUCache<string, AssetFacts>({ max: KNOWN_MAX });

  constructor({ bucket, endpoint, region, pathStyle }: NonNullable<Config['assetsS3']>, assetsDir: string) {
    this.#bucket = bucket;
    this.#staging = new StagingDir(assetsDir);
    this.#client = new S3Client({
      region,
      forcePathStyle: pathStyle,
      ...(endpoint !== null && { endpoint }),
      requestHandler: TIMEOUTS,
      // The SHA-256 below says more than the checksums that newer clients send by themselves and that not every storage understands.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  staging(): Promise<string> {
    return this.#staging.path();
  }

  async find(name: string): Promise<AssetFacts | null> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    try {
      const { ContentLength: bytes } = await this.#client.send(new HeadObjectCommand(this.#object(name)));
      if (bytes === undefined) throw new Error('the storage does not say how long an object is');
      const facts = { bytes, mediaType: mediaTypeOf(parseAssetName(name)?.extension ?? '') };
      this.#known.set(name, facts);
      return facts;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async put(name: string, content: AssetContent, { bytes, mediaType, sha256 }: AssetMeta): Promise<void> {
    try {
      if ((await this.find(name)) !== null) return;
      await this.#client.send(
        new PutObjectCommand({
          ...this.#object(name),
          Body: 'path' in content ? createReadStream(content.path) : content.bytes,
          ContentLength: bytes,
          ContentType: mediaType,
          CacheControl: 'private, max-age=31536000, immutable',
          ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
        }),
      );
    } finally {
      if ('path' in content) await rm(content.path, { force: true });
    }
  }

  async open(name: string, range?: ByteRange): Promise<Readable | null> {
    try {
      const { Body: body } = await this.#client.send(
        new GetObjectCommand({ ...this.#object(name), ...(range !== undefined && { Range: `bytes=${range.first}-${range.last}` }) }),
      );
      return (body as Readable | undefined) ?? null;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  close(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  #object(name: string): { Bucket: string; Key: string } {
    if (parseAssetName(name) === null) throw new Error('this is no name of an asset');
    return { Bucket: this.#bucket, Key: PREFIX + name };
  }
}

function isMissing(error: unknown): boolean {
  // A bucket that is not there is a mistake of whoever runs this, not an asset that is not there.
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404 && error.name !== 'NoSuchBucket';
}
