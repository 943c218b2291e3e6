// The one secret that a deployment's processes share: signs jobs for worker fleets and what processes forward to each other. Made by the platform module.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type pg from 'pg';
import type { Config } from '../config.js';

export class DeploymentSecret {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** HMAC-SHA-256 in base64url (43 characters). The purpose keeps a signature made for one use from serving another. */
  sign(purpose: string, text: string): string {
    return this.#mac(purpose, text).toString('base64url');
  }

  /** In a time that does not depend on where the two differ. False for whatever is no such signature. */
  verify(purpose: string, text: string, signature: string): boolean {
    const given = Buffer.from(signature, 'base64url');
    const expected = this.#mac(purpose, text);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #mac(purpose: string, text: string): Buffer {
    return createHmac('sha256', this.#key).update(purpose).update('\0').update(text).digest();
  }
}

/** That of the configuration, else the one that the database made for itself. */
export async function deploymentSecret(pool: pg.Pool, config: Pick<Config, 'deploymentSecret'>): Promise<DeploymentSecret> {
  if (config.deploymentSecret !== null) return new DeploymentSecret(Buffer.from(config.deploymentSecret, 'utf8'));
  const { rows } = await pool.query<{ secret: Buffer }>('SELECT secret FROM deployment');
  const row = rows[0];
  if (row === undefined) throw new Error('the database has no deployment row: it was not migrated');
  return new DeploymentSecret(row.secret);
}
