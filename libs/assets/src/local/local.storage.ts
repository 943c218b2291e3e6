// Keeps assets in a directory: a file each, that appears whole or not at all. Several processes may share the directory.
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { AssetContent, AssetFacts, AssetMeta, AssetStorage, ByteRange } from '../asset-storage.port.js';
import { parseAssetName } from '../asset-name.js';
import { mediaTypeOf } from '../media-types.js';
import { StagingDir } from '../staging-dir.js';

export class LocalStorage implements AssetStorage {
  readonly #staging: StagingDir;

  constructor(private readonly dir: string) {
    this.#staging = new StagingDir(dir);
  }

  staging(): Promise<string> {
    return this.#staging.path();
  }

  async find(name: string): Promise<AssetFacts | null> {
    const { path, mediaType } = this.#place(name);
    try {
      const found = await stat(path);
      return found.isFile() ? { bytes: found.size, mediaType } : null;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async put(name: string, content: AssetContent, meta: AssetMeta): Promise<void> {
    const staged = 'path' in content ? content.path : join(await this.staging(), randomUUID());
    try {
      const { path } = this.#place(name);
      if ((await this.find(name))?.bytes === meta.bytes) return;
      // Only what is on the disk may get its name, or a loss of power could leave a name without its content.
      const file = await open(staged, 'path' in content ? 'r+' : 'wx', 0o640);
      try {
        if ('bytes' in content) await file.writeFile(content.bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      const made = await mkdir(dirname(path), { recursive: true, mode: 0o750 });
      await rename(staged, path);
      await syncDirectory(dirname(path));
      if (made !== undefined) await syncDirectory(this.dir);
    } finally {
      await rm(staged, { force: true });
    }
  }

  async open(name: string, range?: ByteRange): Promise<Readable | null> {
    const { path } = this.#place(name);
    let file;
    try {
      file = await open(path, 'r');
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
    return createReadStream(path, { fd: file, ...(range !== undefined && { start: range.first, end: range.last }) });
  }

  async close(): Promise<void> {}

  /** A directory for each first byte of an id: none grows too large to be listed. */
  #place(name: string): { path: string; mediaType: string } {
    const parts = parseAssetName(name);
    if (parts === null) throw new Error('this is no name of an asset');
    return { path: join(this.dir, parts.id.slice(0, 2), name), mediaType: mediaTypeOf(parts.extension) };
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
