// 5 react · what stands on the dead-letter topic and what it adds up to: letters, and marks of those that were redriven. The topic is the only store.
import type { IncomingMessage, OutgoingMessage } from '#libs/messaging';
import type { DeadLetterReason } from './fleet.messages.js';

/** One message that could not be taken in, with where it came from and why. */
export interface DeadLetter {
  /** `<topic>/<partition>/<offset>` of the message as it first came. */
  id: string;
  reason: string;
  detail: string;
  topic: string;
  partition: number;
  offset: string;
  /** When it was put there. */
  at: number;
  redriven: boolean;
  /** As it came. */
  key: string | null;
  headers: Readonly<Record<string, string>>;
  value: Buffer | null;
}

/** Marks a letter as redriven; its value is null. */
const REDRIVEN = 'dl_redriven';
/** On the message that goes out again: the letter that it was. */
export const REDRIVEN_FROM = 'dl_redriven_from';
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'dl_reason',
  'dl_detail',
  'dl_topic',
  'dl_partition',
  'dl_offset',
  'dl_keyless',
  REDRIVEN,
]);
const DETAIL_CHARACTERS_MAX = 300;

export function deadLetter(message: IncomingMessage, reason: DeadLetterReason, detail: string): OutgoingMessage {
  const { topic, partition, offset, key, value, headers } = message;
  const own = {
    dl_reason: reason,
    dl_detail: detail.slice(0, DETAIL_CHARACTERS_MAX),
    dl_topic: topic,
    dl_partition: String(partition),
    dl_offset: offset,
    ...(key === null && { dl_keyless: '1' }),
  };
  return { key: key ?? '', value, headers: { ...withoutOwn(headers), ...own } };
}

/** Under the letter's own key, so that it stands behind it. */
export function redrivenMark(letter: DeadLetter): OutgoingMessage {
  return { key: letter.key ?? '', value: null, headers: { [REDRIVEN]: letter.id } };
}

/** The message as it came, to go where it came to; its id is the same, so what was taken in meanwhile is not taken in twice. */
export function redrivenMessage(letter: DeadLetter): OutgoingMessage {
  return { key: letter.key ?? '', value: letter.value, headers: { ...letter.headers, [REDRIVEN_FROM]: letter.id } };
}

/** Folds the topic in any order of its partitions; a letter that was written twice is one. */
export class DeadLetters {
  readonly #letters = new Map<string, DeadLetter>();
  readonly #redriven = new Set<string>();

  constructor(private readonly options: { keepValues: boolean }) {}

  apply(message: IncomingMessage): void {
    const mark = message.headers[REDRIVEN];
    if (mark !== undefined) {
      this.#redriven.add(mark);
      const known = this.#letters.get(mark);
      if (known !== undefined) known.redriven = true;
      return;
    }
    const letter = letterOf(message);
    if (letter === null || this.#letters.has(letter.id)) return;
    letter.redriven = this.#redriven.has(letter.id);
    this.#letters.set(letter.id, this.options.keepValues ? letter : { ...letter, headers: {}, value: null, key: null });
  }

  get(id: string): DeadLetter | null {
    return this.#letters.get(id) ?? null;
  }

  /** Oldest first. */
  all(): DeadLetter[] {
    return [...this.#letters.values()].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  }

  open(): DeadLetter[] {
    return this.all().filter((letter) => !letter.redriven);
  }
}

function withoutOwn(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name)));
}

/** Null for what is no letter of ours. */
function letterOf(message: IncomingMessage): DeadLetter | null {
  const { dl_reason: reason, dl_topic: topic, dl_partition: partition, dl_offset: offset, dl_keyless: keyless } = message.headers;
  if (reason === undefined || topic === undefined || partition === undefined || offset === undefined) return null;
  const headers = withoutOwn(message.headers);
  const detail = message.headers['dl_detail'] ?? '';
  return {
    id: `${topic}/${partition}/${offset}`,
    reason,
    detail,
    topic,
    partition: Number(partition),
    offset,
    at: message.timestamp,
    redriven: false,
    key: keyless === '1' ? null : message.key,
    headers,
    value: message.value,
  };
}
