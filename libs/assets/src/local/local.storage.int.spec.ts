import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { metaOf, nameOf, storageContract } from '../testing/storage.contract.js';
import { LocalStorage } from './local.storage.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rollcredits-assets-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('a directory', () => {
  storageContract(
    () => new LocalStorage(dir),
    () => new LocalStorage(dir),
  );

  it('is not made before something is put there', async () => {
    const absent = new LocalStorage(join(dir, 'absent'));
    expect(await absent.find(nameOf())).toBeNull();
    expect(await readdir(dir)).not.toContain('absent');
  });

  it('leaves no file behind that could not be put', async () => {
    const own = join(dir, 'blocked');
    const name = nameOf();
    await mkdir(own);
    // Where the directory of the name should be, there is a file.
    await writeFile(join(own, name.slice(0, 2)), '');
    await expect(new LocalStorage(own).put(name, { bytes: Buffer.from('x') }, metaOf(Buffer.from('x')))).rejects.toThrow();
    expect(await readdir(join(own, 'incoming'))).toEqual([]);
  });

  it('throws away what a process that was killed had not finished a day ago, and nothing younger', async () => {
    const own = join(dir, 'old');
    await mkdir(join(own, 'incoming'), { recursive: true });
    await writeFile(join(own, 'incoming', 'old'), '');
    await writeFile(join(own, 'incoming', 'young'), '');
    const longAgo = new Date(Date.now() - 2 * 86_400_000);
    await utimes(join(own, 'incoming', 'old'), longAgo, longAgo);
    await new LocalStorage(own).staging();
    expect(await readdir(join(own, 'incoming'))).toEqual(['young']);
  });
});
