import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isHeld, takeLock, type HeldLock } from './lock-file.js';
import { processSpace, startedAt } from './processes.js';

let directory: string;
let path: string;
const held: HeldLock[] = [];
const take = () => {
  const result = takeLock(path);
  if (isHeld(result)) held.push(result);
  return result;
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rollcredits-lock-'));
  path = join(directory, 'server.lock');
});
afterEach(() => {
  for (const lock of held.splice(0)) lock.release();
  rmSync(directory, { recursive: true, force: true });
});

const leave = (owner: object, ageMs = 0): void => {
  writeFileSync(path, JSON.stringify({ token: 'left', ...owner }));
  const at = new Date(Date.now() - ageMs);
  utimesSync(path, at, at);
};

describe('the lock of DATA_DIR', () => {
  it('has one owner, who is named to the second and gives it back', () => {
    const first = take();
    expect(isHeld(first)).toBe(true);
    expect(take()).toMatchObject({ pid: process.pid });
    if (isHeld(first)) first.release();
    expect(isHeld(take())).toBe(true);
  });

  it('is not kept closed by a process that is gone', () => {
    leave({ pid: 2 ** 22 + 1, startedAt: '1', space: processSpace() });
    expect(isHeld(take())).toBe(true);
  });

  it('is not kept closed by a stranger who got the id of a process that is gone', () => {
    leave({ pid: process.ppid, startedAt: 'an hour ago', space: processSpace() });
    expect(isHeld(take())).toBe(true);
  });

  it('stays with a living process', () => {
    leave({ pid: process.ppid, startedAt: startedAt(process.ppid), space: processSpace() });
    expect(take()).toMatchObject({ pid: process.ppid });
  });

  it('stays with an owner in another container for as long as that one touches it', () => {
    leave({ pid: 7, startedAt: '1', space: 'another container' }, 1_000);
    expect(take()).toMatchObject({ pid: 7 });
    leave({ pid: 7, startedAt: '1', space: 'another container' }, 60_000);
    expect(isHeld(take())).toBe(true);
  });

  it('is not kept closed by half a file, and leaves nothing beside it', () => {
    writeFileSync(path, '{"pid": 1');
    expect(isHeld(take())).toBe(true);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
    expect(readdirSync(directory)).toEqual(['server.lock']);
  });
});
