// What every storage of assets must keep to; each adapter's spec runs it.
import { createHash, randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { AssetMeta, AssetStorage } from '../asset-storage.port.js';

export function nameOf(extension = 'mp4'): string {
  return `${randomBytes(32).toString('hex')}.${extension}`;
}

export function metaOf(bytes: Buffer, mediaType = 'video/mp4'): AssetMeta {
  return { bytes: bytes.length, mediaType, sha256: createHash('sha256').update(bytes).digest('hex') };
}

export async function contentOf(stream: Readable | null): Promise<Buffer | null> {
  if (stream === null) return null;
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** `another`: one on the same directory or bucket, as another process has it. */
export function storageContract(storage: () => AssetStorage, another: () => AssetStorage): void {
  const stagedFile = async (bytes: Buffer): Promise<string> => {
    const path = join(await storage().staging(), randomBytes(8).toString('hex'));
    await writeFile(path, bytes);
    return path;
  };

  describe('a storage of assets', () => {
    it('knows nothing of what was never put', async () => {
      expect(await storage().find(nameOf())).toBeNull();
      expect(await storage().open(nameOf())).toBeNull();
      expect(await storage().open(nameOf(), { first: 0, last: 1 })).toBeNull();
    });

    it.each(['bytes', 'a file'] as const)('keeps %s whole, and every process sees them', async (kind) => {
      const bytes = randomBytes(300_000);
      const name = nameOf();
      await storage().put(name, kind === 'bytes' ? { bytes } : { path: await stagedFile(bytes) }, metaOf(bytes));
      for (const one of [storage(), another()]) {
        expect(await one.find(name)).toEqual({ bytes: 300_000, mediaType: 'video/mp4' });
        expect((await contentOf(await one.open(name)))?.equals(bytes)).toBe(true);
      }
    });

    it('answers parts, both ends included', async () => {
      const bytes = Buffer.from('0123456789');
      const name = nameOf('txt');
      await storage().put(name, { bytes }, metaOf(bytes, 'text/plain'));
      expect(await storage().find(name)).toEqual({ bytes: 10, mediaType: 'text/plain' });
      expect(String(await contentOf(await storage().open(name, { first: 0, last: 0 })))).toBe('0');
      expect(String(await contentOf(await storage().open(name, { first: 3, last: 5 })))).toBe('345');
      expect(String(await contentOf(await storage().open(name, { first: 8, last: 9 })))).toBe('89');
    });

    it('keeps the first of a name, and leaves nothing behind of the second', async () => {
      const bytes = randomBytes(1_000);
      const name = nameOf();
      await Promise.all([storage(), another(), storage()].map((one) => one.put(name, { bytes }, metaOf(bytes))));
      await storage().put(name, { path: await stagedFile(bytes) }, metaOf(bytes));
      expect((await contentOf(await another().open(name)))?.equals(bytes)).toBe(true);
      expect(await readdir(await storage().staging())).toEqual([]);
    });

    it('refuses to touch what is no name of an asset', async () => {
      const bytes = Buffer.from('x');
      for (const name of ['../../etc/passwd', 'x.mp4', 'a'.repeat(64), `${'a'.repeat(64)}.mp4/..`, `${'A'.repeat(64)}.mp4`]) {
        await expect(storage().find(name)).rejects.toThrow('no name');
        await expect(storage().open(name)).rejects.toThrow('no name');
        await expect(storage().put(name, { bytes }, metaOf(bytes))).rejects.toThrow('no name');
      }
    });
  });
}
