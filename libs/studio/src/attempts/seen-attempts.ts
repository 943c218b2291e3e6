// query · which ids a log has named so far, and with what content, in 24 bytes each: how the pilot finds duplicates in a log of any length.
import { hash } from 'node:crypto';
import { fromIso } from '#libs/kernel';
import type { ImportedAttempt } from '../clip/clip.facts.js';
import { ATTEMPT_FIELDS } from './attempt-line.js';

/** 128 bits of the id's SHA-256 and 64 of the content's. */
const SLOT_WORDS = 3;
const SLOTS_MIN = 1 << 12;
const LOAD_MAX = 0.75;

/** A table in one buffer outside the heap, open addressing; a slot whose first word is 0 is free. */
export class SeenAttempts {
  #words = new BigUint64Array(SLOTS_MIN * SLOT_WORDS);
  #slots = SLOTS_MIN;
  #count = 0;

  /** Notes an id that is new. */
  see(attempt: ImportedAttempt): 'new' | 'same' | 'other' {
    const id = digestOf(attempt.id);
    // One id in 2^64 would be taken for a free slot.
    const first = id.readBigUInt64LE(0) || 1n;
    const second = id.readBigUInt64LE(8);
    const content = digestOf(attemptContent(attempt)).readBigUInt64LE(0);
    const at = this.#find(first, second);
    if (this.#words[at] !== 0n) return this.#words[at + 2] === content ? 'same' : 'other';
    this.#words[at] = first;
    this.#words[at + 1] = second;
    this.#words[at + 2] = content;
    this.#count += 1;
    if (this.#count > this.#slots * LOAD_MAX) this.#grow();
    return 'new';
  }

  #find(first: bigint, second: bigint): number {
    const mask = this.#slots - 1;
    for (let slot = Number(first & BigInt(mask)); ; slot = (slot + 1) & mask) {
      const at = slot * SLOT_WORDS;
      if (this.#words[at] === 0n || (this.#words[at] === first && this.#words[at + 1] === second)) return at;
    }
  }

  #grow(): void {
    const before = this.#words;
    this.#slots *= 2;
    this.#words = new BigUint64Array(this.#slots * SLOT_WORDS);
    for (let at = 0; at < before.length; at += SLOT_WORDS) {
      const first = before[at] as bigint;
      if (first !== 0n) this.#words.set(before.subarray(at, at + SLOT_WORDS), this.#find(first, before[at + 1] as bigint));
    }
  }
}

function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** What two lines must share to say the same: an instant may be written in many ways. No field has a control character in it. */
export function attemptContent(attempt: ImportedAttempt): string {
  let content = String(fromIso(attempt.created_at));
  for (const field of ATTEMPT_FIELDS) if (field !== 'created_at') content += `\0${String(attempt[field])}`;
  return content;
}
