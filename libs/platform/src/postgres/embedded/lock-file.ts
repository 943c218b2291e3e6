// One server per DATA_DIR: a lock that a killed process cannot leave closed behind it; taken by the embedded PostgreSQL's supervisor.
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { isAlive, processSpace, startedAt } from './processes.js';

export interface LockOwner {
  pid: number;
  startedAt: string | null;
  space: string;
  token: string;
}

export interface HeldLock {
  release(): void;
}

const TOUCH_MS = 2_000;
/** An owner whose process ids we cannot see (another container on the same volume) is gone when it has not touched its lock for so long. */
const SILENT_MS = 10_000;

/** Takes the lock, or answers who has it. A lock whose owner is gone is taken over. */
export function takeLock(path: string): HeldLock | LockOwner {
  const mine: LockOwner = { pid: process.pid, startedAt: startedAt(process.pid), space: processSpace(), token: randomUUID() };
  const draft = `${path}.${mine.token}`;
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A link is made whole or not at all, so nobody ever reads half a lock.
        linkSync(draft, path);
        return hold(path, mine);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = readLock(path);
      if (owner !== null && isLive(path, owner)) return owner;
      moveAway(path, owner);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

export function isHeld(result: HeldLock | LockOwner): result is HeldLock {
  return 'release' in result;
}

function hold(path: string, mine: LockOwner): HeldLock {
  const touch = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Someone removed DATA_DIR under us; what follows from that shows elsewhere.
    }
  }, TOUCH_MS);
  touch.unref();
  return {
    release() {
      clearInterval(touch);
      if (readLock(path)?.token === mine.token) rmSync(path, { force: true });
    },
  };
}

function readLock(path: string): LockOwner | null {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as Partial<LockOwner> | null;
    const { pid, token, space } = owner ?? {};
    if (!Number.isInteger(pid) || typeof token !== 'string' || typeof space !== 'string') return null;
    return owner as LockOwner;
  } catch {
    return null;
  }
}

function isLive(path: string, owner: LockOwner): boolean {
  if (owner.space === processSpace()) return isAlive(owner.pid) && startedAt(owner.pid) === owner.startedAt;
  try {
    return Date.now() - statSync(path).mtimeMs < SILENT_MS;
  } catch {
    return false;
  }
}

/** Removes the lock that was judged, and no other: a rival may have put a fresh one there in the meantime, which goes back. */
function moveAway(path: string, judged: LockOwner | null): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readLock(aside)?.token !== judged?.token) {
    try {
      linkSync(aside, path);
    } catch {
      // A third one took the lock in between and is its owner now.
    }
  }
  unlinkSync(aside);
}
