// 1 HTTP in · reads one JSON object without anything nested in it, its numbers as they are written: JSON.parse would round them to floats.

/** `raw`: of a number its digits as written; of a string its value. */
export type FlatValue =
  | { kind: 'string'; raw: string }
  | { kind: 'number'; raw: string }
  | { kind: 'boolean'; raw: 'true' | 'false' }
  | { kind: 'null'; raw: 'null' }
  | { kind: 'nested'; raw: '' };

export type FlatObject = Map<string, FlatValue>;

export type NotFlat = { wrong: 'not_json' | 'not_object' } | { wrong: 'twice'; name: string };

const STRING = String.raw`"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"`;
const NUMBER = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`;
const BLANK = String.raw`[ \t\n\r]*`;
/** A name, its value, and what stands behind it: one member of RFC 8259's object. */
const MEMBER = new RegExp(`${BLANK}(${STRING})${BLANK}:${BLANK}(?:(${STRING})|(${NUMBER})|(true|false|null))${BLANK}([,}])`, 'y');
const OPEN = new RegExp(`^${BLANK}\\{`);
const ONLY_BLANK = new RegExp(`^${BLANK}$`);

/** Answers what is wrong where it is no such object; members that are nested are told as such. */
export function flatJson(text: string): FlatObject | NotFlat {
  const opened = OPEN.exec(text);
  if (opened === null) return otherwise(text);
  const members: FlatObject = new Map();
  MEMBER.lastIndex = opened[0].length;
  for (;;) {
    const member = MEMBER.exec(text);
    if (member === null) return otherwise(text);
    const name = stringOf(member[1] as string);
    if (members.has(name)) return { wrong: 'twice', name };
    members.set(name, valueOf(member[2], member[3], member[4]));
    if (member[5] === ',') continue;
    return ONLY_BLANK.test(text.slice(MEMBER.lastIndex)) ? members : { wrong: 'not_json' };
  }
}

function valueOf(string: string | undefined, number: string | undefined, word: string | undefined): FlatValue {
  if (string !== undefined) return { kind: 'string', raw: stringOf(string) };
  if (number !== undefined) return { kind: 'number', raw: number };
  return word === 'null' ? { kind: 'null', raw: 'null' } : { kind: 'boolean', raw: word as 'true' | 'false' };
}

function stringOf(token: string): string {
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
}

/** An empty object, one with something nested, or no object at all: rare, so it may take its time. */
function otherwise(text: string): FlatObject | NotFlat {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { wrong: 'not_json' };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { wrong: 'not_object' };
  return new Map(Object.entries(parsed).map(([name, value]) => [name, looseValueOf(value)]));
}

function looseValueOf(value: unknown): FlatValue {
  switch (typeof value) {
    case 'string':
      return { kind: 'string', raw: value };
    case 'number':
      return { kind: 'number', raw: String(value) };
    case 'boolean':
      return { kind: 'boolean', raw: value ? 'true' : 'false' };
    default:
      return value === null ? { kind: 'null', raw: 'null' } : { kind: 'nested', raw: '' };
  }
}
