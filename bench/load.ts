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
      const answer = wholeAnswer(received);
      if (answer === null || waiting === null) return;
      const { n, at } = waiting;
      waiting = null;
      received = received.slice(answer.length);
      talk.answered(n, answer.status, answer.body, performance.now() - at);
      ask();
    });
  });
}

/** Null until all of it is there. */
function wholeAnswer(received: string): { status: string; body: string; length: number } | null {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = received.slice(0, headEnd);
  const length = headEnd + 4 + Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (received.length < length) return null;
  return { status: head.slice(9, 12), body: received.slice(headEnd + 4, length), length };
}

/** An open-loop client: a request goes out when it is asked for, on a connection of its own while the others wait. */
export class OpenLoop {
  readonly #idle: Socket[] = [];

  constructor(private readonly port: number) {}

  async ask(bytes: Buffer): Promise<{ status: string; body: string }> {
    const socket = this.#idle.pop() ?? this.#connect();
    const answer = await new Promise<{ status: string; body: string }>((resolve, reject) => {
      let received = '';
      const failed = (): void => reject(new Error('the server closed a connection with a request on it'));
      const read = (chunk: string): void => {
        received += chunk;
        const whole = wholeAnswer(received);
        if (whole === null) return;
        socket.off('data', read).off('close', failed);
        resolve(whole);
      };
      socket.on('data', read).once('close', failed).write(bytes);
    });
    this.#idle.push(socket);
    return answer;
  }

  close(): void {
    for (const socket of this.#idle) socket.destroy();
  }

  #connect(): Socket {
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1');
    socket.once('close', () => {
      const place = this.#idle.indexOf(socket);
      if (place >= 0) this.#idle.splice(place, 1);
    });
    // `close` follows, and tells whoever waits.
    return socket.on('error', () => undefined);
  }
}
