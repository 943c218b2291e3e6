// Whom PostgreSQL runs as: it refuses root, so root lends it an unprivileged user; and what that user can reach.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Options for spawn; empty when PostgreSQL simply runs as we do. */
export interface DatabaseUser {
  name: string | null;
  spawn: { uid?: number; gid?: number };
}

const AS_OURSELVES: DatabaseUser = { name: null, spawn: {} };

/** An existing cluster stays with its owner. Otherwise `postgres` where there is such a user, else `nobody`. */
export function databaseUser(cluster: string): DatabaseUser {
  if (process.getuid?.() !== 0) return AS_OURSELVES;
  const users = readUsers();
  const owner = ownerOf(cluster);
  if (owner !== null && owner.uid !== 0)
    return { name: users.find(({ uid }) => uid === owner.uid)?.name ?? `with id ${owner.uid}`, spawn: owner };
  const user = users.find(({ name }) => name === 'postgres') ??
    users.find(({ name }) => name === 'nobody') ?? { name: 'nobody', uid: 65_534, gid: 65_534 };
  return { name: user.name, spawn: { uid: user.uid, gid: user.gid } };
}

/** Tried as that user, which is the one judgement that counts permissions, lists and mounts alike. */
export function canEnter(user: DatabaseUser, directory: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory], { ...user.spawn, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** A folder that others may pass through, whatever the umask says; one that exists is left as it is. */
export function makeOpenDir(directory: string): void {
  if (existsSync(directory)) return;
  makeOpenDir(dirname(directory));
  mkdirSync(directory);
  chmodSync(directory, 0o755);
}

function ownerOf(path: string): { uid: number; gid: number } | null {
  try {
    const { uid, gid } = statSync(path);
    return { uid, gid };
  } catch {
    return null;
  }
}

function readUsers(): Array<{ name: string; uid: number; gid: number }> {
  try {
    return readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .filter((fields) => fields.length >= 4)
      .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
  } catch {
    return [];
  }
}
