// What the operating system knows of other processes: whether an id still means the process that was meant; the lock and the supervisor ask.
import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Ended, but its parent has not asked for its exit code yet. */
function isZombie(pid: number): boolean {
  return statFields(pid)?.[0] === 'Z';
}

/** Tells a process from a later one with the same id; null where the system does not say. */
export function startedAt(pid: number): string | null {
  const ticks = statFields(pid)?.[19];
  if (ticks !== undefined) return ticks;
  if (process.platform === 'linux') return null;
  const shown = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return shown.status === 0 ? shown.stdout.trim() : null;
}

/** Process ids are comparable only within one of these: one boot of one machine, one container. */
export function processSpace(): string {
  try {
    return [hostname(), readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), readlinkSync('/proc/self/ns/pid')].join(' ');
  } catch {
    return hostname();
  }
}

/** Whether the process works in this directory: PostgreSQL's processes all do so in their cluster's. */
export function worksIn(pid: number, directory: string): boolean {
  if (process.platform !== 'linux') {
    const shown = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return shown.status === 0 && shown.stdout.includes(directory);
  }
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === directory;
  } catch {
    return false;
  }
}

/** Null where the system does not say. */
export function anyWorksIn(directory: string): boolean | null {
  if (process.platform !== 'linux') return null;
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && worksIn(Number(name), directory));
}

/** The fields of /proc/<pid>/stat after the command's name, which may hold spaces: state first, start time as number 19. */
function statFields(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
