// One GET to a running server; every command that reads from one goes through here.
import { CliError, EXIT } from './exit-codes.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are printed member by member, as the server gave them
export type Body = Record<string, any>;

export interface Reply {
  status: number;
  body: Body;
}

const TIMEOUT_MS = 15_000;

/** Throws a CliError when no server answers. */
export async function get(url: string, path: string, key: string | undefined): Promise<Reply> {
  let response: Response;
  try {
    response = await fetch(new URL(path, url), {
      headers: { accept: 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new CliError(EXIT.unavailable, `no server answers at ${url}: start one with npm start, or name it with --url`, {
      code: 'unreachable',
      url,
    });
  }
  try {
    return { status: response.status, body: (await response.json()) as Body };
  } catch {
    throw new CliError(EXIT.unavailable, `what answers at ${url} is not a Rollcredits server`, { code: 'unreachable', url });
  }
}

/** As {@link get}; a problem of the server becomes a CliError that carries it. */
export async function read(url: string, path: string, key: string | undefined): Promise<Body> {
  const { status, body } = await get(url, path, key);
  if (status < 400) return body;
  const hint = status === 401 && key === undefined ? ' (give a key with --key or ROLLCREDITS_API_KEY)' : '';
  const exitCode = status >= 500 ? EXIT.unavailable : EXIT.refused;
  throw new CliError(exitCode, `${String(body['detail'] ?? body['title'] ?? `status ${status}`)}${hint}`, body);
}
