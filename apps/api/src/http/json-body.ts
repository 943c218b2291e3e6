// 1 HTTP in · decides whether the bytes of a body are JSON that may go further: UTF-8, not too deep, no poisoned or unstorable text.
import { isUtf8 } from 'node:buffer';
import { ApiProblem, invalid } from '../problems/problem.js';
import { escaped } from '../validation/dto.check.js';

/** Only a text that has one of these can hold what {@link findUnfit} looks for, so most bodies are not walked. */
const SUSPICIOUS = /\\u|__proto__|constructor|[eE]\+?\d{3}|\d{309}/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Undefined for an empty body; throws an {@link ApiProblem} for what is no JSON that we take. */
export function parseJsonBody(bytes: Buffer, depthMax: number): unknown {
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw malformed('The body is not UTF-8.');
  if (isDeeperThan(bytes, depthMax)) throw malformed(`The body is nested deeper than ${depthMax} levels.`);
  const text = bytes.toString('utf8');
  const body = parse(text);
  if (SUSPICIOUS.test(text)) {
    const unfit = findUnfit(body, '');
    if (unfit !== null) throw invalid([unfit]);
  }
  return body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message would quote what was sent.
    throw malformed('The body is not valid JSON.');
  }
}

function malformed(detail: string): ApiProblem {
  return new ApiProblem('validation_failed', detail, {
    errors: [{ pointer: '', detail: detail.replace(/^The body /, '').replace(/\.$/, '') }],
  });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Counted on the bytes, before the parser recurses into them. */
function isDeeperThan(bytes: Buffer, depthMax: number): boolean {
  if (bytes.length <= depthMax) return false;
  let depth = 0;
  let inText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inText) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > depthMax) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

/** The first member that no store could keep or that would shadow what objects inherit. */
function findUnfit(value: unknown, pointer: string): { pointer: string; detail: string } | null {
  if (typeof value === 'string') return unfitText(value) ? { pointer, detail: 'holds a NUL character or half of a surrogate pair' } : null;
  if (typeof value === 'number') return Number.isFinite(value) ? null : { pointer, detail: 'is a number out of range' };
  if (typeof value !== 'object' || value === null) return null;
  const members: Array<[string, unknown]> = Array.isArray(value)
    ? value.map((item, index) => [String(index), item])
    : Object.entries(value);
  for (const [name, member] of members) {
    const at = `${pointer}/${unfitText(name) ? '' : escaped(name)}`;
    if (unfitText(name)) return { pointer: at, detail: 'is a name with a NUL character or half of a surrogate pair' };
    if (
      name === '__proto__' ||
      (name === 'constructor' && typeof member === 'object' && member !== null && Object.hasOwn(member, 'prototype'))
    ) {
      return { pointer: at, detail: 'is not a name that is accepted' };
    }
    const found = findUnfit(member, at);
    if (found !== null) return found;
  }
  return null;
}

function unfitText(text: string): boolean {
  return text.includes('\0') || LONE_SURROGATE.test(text);
}
