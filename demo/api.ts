// The API as the demo speaks it: plain fetch, so that every line here could be a reader's own.
export interface Api {
  url: string;
  key: string;
}

export interface Reply {
  status: number;
  body: Body;
}

/** JSON as it comes; the demo reads a handful of members. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the demo is a client without generated types, as a reader's first script would be
export type Body = any;

export async function call(api: Api, method: string, path: string, body?: object): Promise<Reply> {
  const response = await fetch(new URL(path, api.url), {
    method,
    headers: { authorization: `Bearer ${api.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

/** As {@link call}, but anything that is no success ends the demo with the problem that the server named. */
export async function must(api: Api, method: string, path: string, body?: object): Promise<Body> {
  const reply = await call(api, method, path, body);
  if (reply.status >= 400) throw new Error(`${method} ${path} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

/** Every row of a list, page by page. */
export async function all(api: Api, path: string): Promise<Body[]> {
  const rows: Body[] = [];
  let cursor: string | null = null;
  do {
    const page: Body = await must(
      api,
      'GET',
      `${path}${path.includes('?') ? '&' : '?'}limit=200${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    rows.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return rows;
}
