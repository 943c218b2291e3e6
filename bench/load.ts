// A closed-loop HTTP client that costs as little as it can: it shares two cores with the server that it measures.
import { connect, type Socket } from 'node:net';

export interface LoadOptions {
  port: number;
  connections: number;
  durationMs: number;
  /** The bytes of the n-th request, complete. */
  request: (n: number) => Buffer;
  /** Called with every body; leave it out where only the status counts. */
  onBody?: (body: string, n: number) => void;
}

export interface LoadResult {
  requests: number;
  /** A second. */
  rate: number;
  p50Ms: number;
  p99Ms: number;
  statuses: Record<string, number>;
}

/** Sends until the time is up, one request in flight a connection, and waits for the last answers. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  let sent = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + options.durationMs;
  await Promise.all(
    Array.from({ length: options.connections }, () =>
      converse(options.port, {
        next: () => (performance.now() < endsAt ? { n: sent, bytes: options.request(sent++) } : null),
        answered(n, status, body, tookMs) {
          latencies.push(tookMs);
          statuses[status] = (statuses[status] ?? 0) + 1;
          options.onBody?.(body, n);
        },
      }),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    rate: latencies.length / seconds,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    statuses,
  };
}

/** Of a sorted list; 0 for an empty one. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
}

export function median(values: readonly number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    50,
  );
}

export interface RequestLine {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** A whole HTTP/1.1 request as bytes. */
export function requestBytes({ method, path, headers = {}, body }: RequestLine): Buffer {
  const payload = body === undefined ? '' : JSON.stringify(body);
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  if (payload !== '') lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(payload)}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${payload}`);
}

interface Conversation {
  next(): { n: number; bytes: Buffer } | null;
  answered(n: number, status: string, body: string, tookMs: number): void;
}

function converse(port: number, talk: Conversation): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let waiting: { n: number; at: number } | null = null;
    let received = '';
    const ask = (): void => {
      const request = talk.next();
      if (request === null) {
        socket.end();
        resolve();
        return;
      }
      waiting = { n: request.n, at: performance.now() };
      socket.write(request.bytes);
    };
    socket.setEncoding('latin1');
    socket.once('connect', ask);
    socket.once('error', reject);
    socket.once('close', () => (waiting === null ? undefined : reject(new Error('the server closed a connection with a request on it'))));
    socket.on('data', (chunk: string) => {
      received += chunk;
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = received.slice(0, headEnd);
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (received.length < headEnd + 4 + length || waiting === null) return;
      const { n, at } = waiting;
      waiting = null;
      const body = received.slice(headEnd + 4, headEnd + 4 + length);
      received = received.slice(headEnd + 4 + length);
      talk.answered(n, head.slice(9, 12), body, performance.now() - at);
      ask();
    });
  });
}
