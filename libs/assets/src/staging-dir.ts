// The directory in which assets are put together before a storage takes them; what a process that was killed left there is thrown away after a day.
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const KEPT_MS = 86_400_000;

export class StagingDir {
  readonly #path: string;
  #ready: Promise<string> | null = null;

  constructor(assetsDir: string) {
    this.#path = join(assetsDir, 'incoming');
  }

  /** Made when it is first needed: a process that only hands assets out may have a root file system that it cannot write to. */
  async path(): Promise<string> {
    this.#ready ??= this.#prepare();
    try {
      return await this.#ready;
    } catch (error) {
      this.#ready = null;
      throw error;
    }
  }

  async #prepare(): Promise<string> {
    await mkdir(this.#path, { recursive: true, mode: 0o750 });
    for (const name of await readdir(this.#path)) {
      const path = join(this.#path, name);
      const left = await stat(path).catch(() => null);
      if (left !== null && left.mtimeMs < Date.now() - KEPT_MS) await rm(path, { force: true });
    }
    return this.#path;
  }
}
