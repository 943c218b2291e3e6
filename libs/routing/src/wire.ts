// What two processes of a deployment say to each other, and how it is signed: nothing here depends on what time either of them thinks it is.
import type { DeploymentSecret } from '#libs/platform';

export const FORWARD_PATH = '/forward';

/** Names one request for good: the owner's start, the sender's start, and a number that the sender never uses twice. */
export interface RequestName {
  /** Of the owner, made at its start and told through its lease: what was captured before a restart means nothing after it. */
  boot: string;
  sender: string;
  sequence: number;
}

export interface ForwardedCommand {
  /** Its place in the batch: names its answer. */
  n: number;
  type: string;
  bucket: number;
  fields: Record<string, unknown>;
}

export interface ForwardedBatch {
  version: string;
  /** What the sender knows and the owner must know too before it decides: who asked the sender has seen it. */
  clockOffsetMs: number;
  catalogueAt: string;
  commands: ForwardedCommand[];
}

export type ForwardedAnswer =
  | { n: number; result: unknown }
  /** Certainly not decided: the owner does not own the account (any more), or is leaving. */
  | { n: number; declined: true }
  | { n: number; error: { name: string; message: string } };

export const HEADERS = { boot: 'rc-boot', sender: 'rc-sender', sequence: 'rc-sequence', signature: 'rc-signature' } as const;

const REQUEST_PURPOSE = 'forward';
const ANSWER_PURPOSE = 'forward-answer';

function nameText({ boot, sender, sequence }: RequestName): string {
  return `${boot}\n${sender}\n${sequence}\n`;
}

export function signRequest(secret: DeploymentSecret, name: RequestName, body: string): string {
  return secret.sign(REQUEST_PURPOSE, nameText(name) + body);
}

export function isSignedRequest(secret: DeploymentSecret, name: RequestName, body: string, signature: string): boolean {
  return secret.verify(REQUEST_PURPOSE, nameText(name) + body, signature);
}

/** One line of an answer: its signature covers which request it answers and which line it is. */
export function answerLine(secret: DeploymentSecret, name: RequestName, line: number, answers: readonly string[]): string {
  const text = `[${answers.join(',')}]`;
  return `${secret.sign(ANSWER_PURPOSE, `${nameText(name)}${line}\n${text}`)} ${text}\n`;
}

/** Null for a line that the owner did not write. */
export function readAnswerLine(secret: DeploymentSecret, name: RequestName, line: number, text: string): ForwardedAnswer[] | null {
  const space = text.indexOf(' ');
  const json = text.slice(space + 1);
  if (space < 0 || !secret.verify(ANSWER_PURPOSE, `${nameText(name)}${line}\n${json}`, text.slice(0, space))) return null;
  return JSON.parse(json) as ForwardedAnswer[];
}

/** Remembers which numbers of a sender were heard: a window, because batches of one sender are under way side by side. */
export class HeardRequests {
  readonly #senders = new Map<string, { newest: number; heard: Set<number> }>();

  constructor(
    private readonly windowSize = 1_024,
    private readonly sendersMax = 10_000,
  ) {}

  /** False where the number was heard before, or is too old to tell. */
  isNew(sender: string, sequence: number): boolean {
    let known = this.#senders.get(sender);
    if (known === undefined) {
      // Only whoever knows the secret gets here, and takes a name at each start: this many starts of others outlive no owner.
      if (this.#senders.size >= this.sendersMax) return false;
      this.#senders.set(sender, (known = { newest: 0, heard: new Set() }));
    }
    const { heard } = known;
    if (sequence <= known.newest - this.windowSize || heard.has(sequence)) return false;
    heard.add(sequence);
    if (sequence > known.newest) {
      known.newest = sequence;
      if (heard.size > 2 * this.windowSize) for (const each of heard) if (each <= sequence - this.windowSize) heard.delete(each);
    }
    return true;
  }
}
