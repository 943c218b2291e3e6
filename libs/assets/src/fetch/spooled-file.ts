// Writes what arrives into a file, and knows at its end how much it was, its checksum and its first bytes.
import { createHash, randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HEAD_BYTES } from '../sniffed-type.js';
import { NotKept } from './not-kept.js';

export interface SpooledFile {
  path: string;
  bytes: number;
  sha256: string;
  head: Buffer;
}

/** A file that is not answered does not stay. What `chunks` throws is thrown on. */
export async function spool(chunks: AsyncIterable<Buffer>, dir: string, bytesMax: number): Promise<SpooledFile> {
  const path = join(dir, randomUUID());
  const hash = createHash('sha256');
  const heads: Buffer[] = [];
  let bytes = 0;
  try {
    const file = await open(path, 'wx', 0o640).catch(notTaken);
    try {
      for await (const chunk of chunks) {
        if (bytes < HEAD_BYTES) heads.push(chunk.subarray(0, HEAD_BYTES - bytes));
        bytes += chunk.length;
        if (bytes > bytesMax) throw new NotKept('too_large', `the asset has more than ${bytesMax} bytes`);
        hash.update(chunk);
        await file.writeFile(chunk).catch(notTaken);
      }
    } finally {
      await file.close();
    }
    return { path, bytes, sha256: hash.digest('hex'), head: Buffer.concat(heads) };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

function notTaken(error: NodeJS.ErrnoException): never {
  throw new NotKept('storage_unavailable', `the asset could not be written: ${error.code ?? error.message}`);
}
