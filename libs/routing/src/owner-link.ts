// The way to one owner: gathers commands into batches, keeps several under way, and says of each what became of it. Called by the router.
import { Agent, request, type IncomingMessage } from 'node:http';
import type { DeploymentSecret } from '#libs/platform';
import { SessionsOverloaded } from '#libs/event-store';
import type { RoutingMetrics } from './routing.metrics.js';
import { FORWARD_PATH, HEADERS, readAnswerLine, signRequest, type ForwardedAnswer, type RequestName } from './wire.js';

/** What became of a command that was sent. */
export type Sent =
  | { kind: 'answered'; result: unknown }
  | { kind: 'failed'; error: { name: string; message: string } }
  /** Certainly not decided by the owner. */
  | { kind: 'declined' }
  /** It may have been decided, or may yet be. */
  | { kind: 'lost' };

export interface LinkLimits {
  /** Requests under way at once to one owner. */
  inFlightMax: number;
  batchCommandsMax: number;
  batchBytesMax: number;
  /** Commands that wait or are under way; more are refused as a full mailbox refuses them. */
  commandsMax: number;
  /** An owner that lives says something at least every heartbeat; silent for this long it is taken for gone. */
  silenceMs: number;
  /** Between two tries to reach an owner that did not answer: the first, and the longest. */
  retryMs: number;
  retryMsMax: number;
}

export const LINK_LIMITS: LinkLimits = {
  inFlightMax: 4,
  batchCommandsMax: 256,
  batchBytesMax: 1_048_576,
  commandsMax: 10_000,
  silenceMs: 1_500,
  retryMs: 200,
  retryMsMax: 5_000,
};

export interface LinkParts {
  /** Of this process's start. */
  sender: string;
  secret: DeploymentSecret;
  metrics: RoutingMetrics;
  /** All of a batch but its commands. */
  envelope: () => { version: string; clockOffsetMs: number; catalogueAt: string };
  limits: LinkLimits;
  onTrouble: (address: string, why: string) => void;
}

interface Waiting {
  /** `"type":…,"bucket":…,"fields":…` */
  text: string;
  settle: (sent: Sent) => void;
}

let sequence = 0;

export class OwnerLink {
  readonly #agent: Agent;
  readonly #url: URL;
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #commands = 0;
  #isScheduled = false;
  #isClosed = false;
  /** Set while the owner does not answer. */
  #retry: { timer: NodeJS.Timeout; delayMs: number } | null = null;

  constructor(
    readonly address: string,
    private readonly boot: string,
    private readonly parts: LinkParts,
  ) {
    this.#url = new URL(FORWARD_PATH, address);
    this.#agent = new Agent({ keepAlive: true, maxSockets: parts.limits.inFlightMax + 1, scheduling: 'fifo' });
  }

  /** False while the owner does not answer: then nothing is sent to it. */
  get isUsable(): boolean {
    return !this.#isClosed && this.#retry === null;
  }

  /** Throws SessionsOverloaded where too much waits for this owner. */
  send(text: string): Promise<Sent> {
    if (this.#commands >= this.parts.limits.commandsMax)
      throw new SessionsOverloaded(`${this.#commands} commands wait for ${this.address}`);
    this.#commands += 1;
    return new Promise((settle) => {
      this.#waiting.push({
        text,
        settle: (sent) => {
          this.#commands -= 1;
          settle(sent);
        },
      });
      this.#schedule();
    });
  }

  /** What is under way is still awaited; what was not sent is declined. */
  close(): void {
    this.#isClosed = true;
    if (this.#retry !== null) clearTimeout(this.#retry.timer);
    this.#declineWaiting();
    if (this.#inFlight === 0) this.#agent.destroy();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight >= this.parts.limits.inFlightMax || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    // What arrives in one turn of the event loop goes together.
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.isUsable) this.#declineWaiting();
      else if (this.#waiting.length > 0) this.#dispatch(this.#takeBatch());
      this.#schedule();
    });
  }

  #takeBatch(): Waiting[] {
    const { batchBytesMax, batchCommandsMax } = this.parts.limits;
    let bytes = 0;
    let count = 0;
    for (const { text } of this.#waiting) {
      bytes += text.length;
      if (count > 0 && bytes > batchBytesMax) break;
      count += 1;
      if (count === batchCommandsMax) break;
    }
    return this.#waiting.splice(0, count);
  }

  #declineWaiting(): void {
    for (const { settle } of this.#waiting.splice(0)) settle({ kind: 'declined' });
  }

  #dispatch(batch: Waiting[]): void {
    this.#inFlight += 1;
    this.parts.metrics.sent(batch.length);
    const open = new Map(batch.map((waiting, n) => [n, waiting]));
    const settle = (answer: ForwardedAnswer): void => {
      const waiting = open.get(answer.n);
      if (waiting === undefined) return;
      open.delete(answer.n);
      if ('declined' in answer) waiting.settle({ kind: 'declined' });
      else if ('error' in answer) waiting.settle({ kind: 'failed', error: answer.error });
      else waiting.settle({ kind: 'answered', result: answer.result });
    };
    this.#exchange(batch.map(({ text }, n) => `{"n":${n},${text}}`).join(','), settle)
      .then(
        () => ({ kind: 'lost' }) as const,
        (error: unknown) => {
          const wasSent = !(error instanceof NeverSent);
          this.#trouble((error as Error).message);
          return wasSent ? ({ kind: 'lost' } as const) : ({ kind: 'declined' } as const);
        },
      )
      .then((rest) => {
        for (const { settle: end } of open.values()) end(rest);
        this.#inFlight -= 1;
        if (this.#isClosed && this.#inFlight === 0) this.#agent.destroy();
        this.#schedule();
      })
      .catch(() => undefined);
  }

  /** One request and its answers, line by line as they come. Rejects with NeverSent where the owner cannot have heard of it. */
  #exchange(commands: string, onAnswer: (answer: ForwardedAnswer) => void): Promise<void> {
    const { secret, sender, envelope, limits } = this.parts;
    sequence += 1;
    const name: RequestName = { boot: this.boot, sender, sequence };
    const body = `${JSON.stringify(envelope()).slice(0, -1)},"commands":[${commands}]}`;
    return new Promise((resolve, reject) => {
      let isConnected = false;
      const outgoing = request(this.#url, {
        method: 'POST',
        agent: this.#agent,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          [HEADERS.boot]: name.boot,
          [HEADERS.sender]: name.sender,
          [HEADERS.sequence]: name.sequence,
          [HEADERS.signature]: signRequest(secret, name, body),
        },
      });
      const silence = setTimeout(() => fail(new Error(`silent for ${limits.silenceMs} ms`)), limits.silenceMs);
      // Without the error: a connection that went back to the agent in this very turn would throw it at nobody.
      const fail = (error: Error): void => {
        clearTimeout(silence);
        reject(isConnected ? error : new NeverSent(error.message));
        outgoing.destroy();
      };
      outgoing.on('socket', (socket) => {
        if (socket.connecting) socket.once('connect', () => (isConnected = true));
        else isConnected = true;
      });
      outgoing.on('error', fail);
      outgoing.on('response', (response) => {
        if (response.statusCode !== 200) {
          return fail(new Error(`answered ${String(response.statusCode)}`));
        }
        const reader = new LineReader((text, line) => {
          const answers = readAnswerLine(secret, name, line, text);
          if (answers === null) throw new Error('an answer is not signed by the owner');
          answers.forEach(onAnswer);
        });
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          silence.refresh();
          try {
            reader.push(chunk);
          } catch (error) {
            fail(error as Error);
          }
        });
        response.on('error', fail);
        response.on('close', () => end(response));
      });
      const end = (response: IncomingMessage): void => {
        clearTimeout(silence);
        if (response.complete) resolve();
        else fail(new Error('the connection ended in the middle of an answer'));
      };
      outgoing.end(body);
    });
  }

  /** Nothing more is sent until the owner answers a batch of nothing. */
  #trouble(why: string): void {
    if (this.#isClosed || this.#retry !== null) return;
    this.parts.onTrouble(this.address, why);
    this.#declineWaiting();
    this.#tryAfter(this.parts.limits.retryMs);
  }

  #tryAfter(delayMs: number): void {
    const timer = setTimeout(() => {
      this.#exchange('', () => undefined).then(
        () => {
          this.#retry = null;
        },
        () => {
          if (!this.#isClosed) this.#tryAfter(Math.min(2 * delayMs, this.parts.limits.retryMsMax));
        },
      );
    }, delayMs);
    timer.unref();
    this.#retry = { timer, delayMs };
  }
}

class NeverSent extends Error {}

class LineReader {
  #rest = '';
  #line = 0;

  constructor(private readonly onLine: (text: string, line: number) => void) {}

  push(chunk: string): void {
    const parts = (this.#rest + chunk).split('\n');
    this.#rest = parts.pop() as string;
    for (const text of parts) this.onLine(text, this.#line++);
  }
}
