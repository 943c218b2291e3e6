// What an asset is called: an id that nobody can guess, and an extension that says its media type. The fetcher names, the API reads names.
import type { DeploymentSecret } from '#libs/platform';

const PURPOSE = 'asset';
const NAME = /^([0-9a-f]{64})\.([a-z0-9]{1,8})$/;

/** The same content of the same tenant always gets the same id; without the deployment's secret none can be told from a checksum. */
export function assetIdOf(secret: DeploymentSecret, tenant: string, sha256: string): string {
  return Buffer.from(secret.sign(PURPOSE, `${tenant}\0${sha256}`), 'base64url').toString('hex');
}

export function parseAssetName(name: string): { id: string; extension: string } | null {
  const match = NAME.exec(name);
  return match === null ? null : { id: match[1] as string, extension: match[2] as string };
}

export function assetUrl(publicUrl: string | null, name: string): string {
  return `${publicUrl ?? ''}/v1/assets/${name}`;
}
