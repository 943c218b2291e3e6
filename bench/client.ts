// The few API calls that prepare a leg, and the bodies that it sends.
import { requestBytes } from './load.js';

export const ADMIN_KEY = `rc_${'b'.repeat(40)}`;
export const MODEL = 'kling-ai-5s';
const AUTHORIZATION = { Authorization: `Bearer ${ADMIN_KEY}` };

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

export async function call(port: number, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { ...AUTHORIZATION, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Opens accounts `bench-0` … with more credits than a run can spend. */
export async function openAccounts(port: number, count: number, prefix = 'bench-'): Promise<void> {
  await inParallel(count, 32, async (n) => {
    const opened = await call(port, 'POST', '/v1/accounts', { id: `${prefix}${n}`, name: `Bench ${n}`, plan: 'pro' });
    if (opened.status !== 201 && opened.status !== 409)
      throw new Error(`opening an account answered ${opened.status}: ${JSON.stringify(opened.body)}`);
    const granted = await call(port, 'POST', `/v1/accounts/${prefix}${n}/grants`, {
      bucket: 'purchased',
      credits: 1_000_000_000,
      reference: 'bench',
    });
    if (granted.status !== 201) throw new Error(`a grant answered ${granted.status}: ${JSON.stringify(granted.body)}`);
  });
}

export async function inParallel(count: number, width: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(width, count) }, async () => {
      for (let n = next++; n < count; n = next++) await work(n);
    }),
  );
}

const PROMPT = 'A glass of iced tea on a sunlit kitchen counter, slow push-in, morning light, no text.';

export interface TaskBody {
  accountId: string;
  simulate?: Record<string, unknown>;
  deadlineMs?: number;
}

export function taskBody({ accountId, simulate, deadlineMs }: TaskBody): object {
  const parameters = { ...(simulate === undefined ? {} : { simulate }), ...(deadlineMs === undefined ? {} : { deadlineMs }) };
  return { accountId, model: MODEL, prompt: PROMPT, userId: 'user-1', parameters };
}

/** A submission's bytes for each of `accounts`, ready to be sent again and again. */
export function taskRequests(path: string, accounts: number, body: (n: number) => object): (n: number) => Buffer {
  const requests = Array.from({ length: accounts }, (_, n) =>
    requestBytes({ method: 'POST', path, headers: AUTHORIZATION, body: body(n) }),
  );
  return (n) => requests[n % accounts]!;
}

export function keyedTaskRequest(path: string, run: string, n: number, body: object): Buffer {
  return requestBytes({ method: 'POST', path, headers: { ...AUTHORIZATION, 'Idempotency-Key': `${run}-${n}` }, body });
}

export function getRequests(count: number, path: (n: number) => string): (n: number) => Buffer {
  const requests = Array.from({ length: count }, (_, n) => requestBytes({ method: 'GET', path: path(n), headers: AUTHORIZATION }));
  return (n) => requests[n % count]!;
}
