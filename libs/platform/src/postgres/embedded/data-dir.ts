// The layout of DATA_DIR: its lock, what the embedded PostgreSQL must remember, and where its cluster lies; used by the supervisor alone.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartupError } from '../../startup-error.js';
import { canEnter, databaseUser, type DatabaseUser } from './database-user.js';

/** Kept in DATA_DIR/embedded-postgres.json, readable by the server's user only. */
export interface EmbeddedSettings {
  password: string;
  /** The port of the last start; another is taken when something else listens there. */
  port: number | null;
  /** Whether the cluster was ever complete: then a missing one is a loss, not a first start. */
  initialised: boolean;
  /** Names the cluster's folder outside DATA_DIR; null: it is DATA_DIR/postgres. */
  outsideId: string | null;
}

export interface ClusterPlace {
  directory: string;
  user: DatabaseUser;
  /** Whether it lies outside DATA_DIR because the database's user cannot get there. */
  outside: boolean;
}

/** Creates DATA_DIR when it is missing. */
export function openDataDir(dataDir: string): void {
  if (existsSync(dataDir)) return;
  mkdirSync(dataDir, { recursive: true });
  // Others may pass through (PostgreSQL's user must) but not look around; what is secret inside is readable by its owner only.
  chmodSync(dataDir, 0o711);
}

export function readSettings(dataDir: string): EmbeddedSettings | null {
  const path = settingsPath(dataDir);
  if (!existsSync(path)) return null;
  try {
    const { password, port, initialised, outsideId } = JSON.parse(readFileSync(path, 'utf8')) as Partial<EmbeddedSettings>;
    if (typeof password === 'string')
      return { password, port: port ?? null, initialised: initialised ?? false, outsideId: outsideId ?? null };
  } catch {
    // Falls through: what cannot be read or parsed is damaged.
  }
  throw new StartupError(`${path} is damaged: restore DATA_DIR from a backup, or remove ${dataDir} to begin anew`);
}

export function newSettings(): EmbeddedSettings {
  return { password: randomBytes(24).toString('base64url'), port: null, initialised: false, outsideId: null };
}

export function writeSettings(dataDir: string, settings: EmbeddedSettings): void {
  writeSecret(settingsPath(dataDir), `${JSON.stringify(settings, null, 2)}\n`);
}

/** Written whole or not at all, readable by its owner only. */
export function writeSecret(path: string, text: string): void {
  const draft = `${path}.draft`;
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, path);
}

/** Where the cluster lies, or is to lie. Gives `settings` an outsideId when it has to be outside. */
export function placeCluster(dataDir: string, settings: EmbeddedSettings, outsideDir: string): ClusterPlace {
  const inside = join(dataDir, 'postgres');
  if (settings.outsideId === null) {
    const user = databaseUser(inside);
    if (user.name === null || canEnter(user, dataDir)) return { directory: inside, user, outside: false };
    if (existsSync(inside)) {
      throw new StartupError(
        `PostgreSQL runs as the user ${user.name}, which can no longer reach ${inside}: let others pass through the folders above it (chmod o+x)`,
      );
    }
    settings.outsideId = randomBytes(8).toString('hex');
  }
  const directory = join(outsideDir, settings.outsideId);
  return { directory, user: databaseUser(directory), outside: true };
}

function settingsPath(dataDir: string): string {
  return join(dataDir, 'embedded-postgres.json');
}
