// The API as the demo speaks it: plain fetch, so that every line here could be a reader's own.
import type { Page } from '#libs/projections';

export interface Api {
  url: string;
  key: string;
}

export interface Reply<Body> {
  status: number;
  body: Body;
}

export interface Problem {
  status: number;
  code: string;
  detail: string;
  /** Of a refused submission, which is kept. */
  taskId?: string;
}

export async function call<Body>(api: Api, method: string, path: string, body?: object): Promise<Reply<Body>> {
  const response = await fetch(new URL(path, api.url), {
    method,
    headers: { authorization: `Bearer ${api.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Body };
}

/** As {@link call}, but anything that is no success ends the demo with the problem that the server named. */
export async function must<Body>(api: Api, method: string, path: string, body?: object): Promise<Body> {
  const reply = await call<Body>(api, method, path, body);
  if (reply.status >= 400) throw new Error(`${method} ${path} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

/** Every row of a list, page by page. */
export async function all<Row>(api: Api, path: string): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page<Row> = await must(api, 'GET', `${path}?limit=200${after}`);
    rows.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return rows;
}
