import { describe, expect, it } from '@jest/globals';
import { ApiProblem } from '../problems/problem.js';
import { parseJsonBody } from './json-body.js';

const parse = (text: string | Buffer): unknown => parseJsonBody(Buffer.from(text), 32);

function refusal(text: string | Buffer): ApiProblem {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ApiProblem) return error;
    throw error;
  }
  throw new Error('the body was taken');
}

describe('a body', () => {
  it('is parsed when it is JSON, and absent when it is empty', () => {
    expect(parse('{"a":[1,"é\\u00e9"]}')).toEqual({ a: [1, 'éé'] });
    expect(parse('')).toBeUndefined();
  });

  it.each(['{', '{"a":}', 'nope', '{"a":1}}', '{"secret":rc_12345678}'])('is refused when it is not JSON: %s', (text) => {
    const problem = refusal(text);
    expect(problem.code).toBe('validation_failed');
    expect(JSON.stringify(problem.fields) + problem.message).not.toContain('rc_');
  });

  it('is refused when it is no UTF-8', () => {
    expect(refusal(Buffer.from([0x22, 0xff, 0x22])).message).toContain('UTF-8');
  });

  it('may be 32 levels deep and no deeper; brackets inside texts do not count', () => {
    expect(() => parse('['.repeat(32) + ']'.repeat(32))).not.toThrow();
    expect(refusal('['.repeat(33) + ']'.repeat(33)).message).toContain('32 levels');
    expect(refusal('{"a":'.repeat(500_000)).message).toContain('32 levels');
    expect(() => parse(`{"a":"${'[{'.repeat(40)}\\"["}`)).not.toThrow();
  });

  it.each([
    ['{"a":{"__proto__":{"x":1}}}', '/a/__proto__'],
    ['{"\\u005f_proto__":1}', '/__proto__'],
    ['{"constructor":{"prototype":{"x":1}}}', '/constructor'],
    ['{"a":["b\\u0000"]}', '/a/0'],
    ['{"a":"\\ud800"}', '/a'],
    ['{"a\\u0000":1}', '/'],
    ['{"a":1e999}', '/a'],
  ])('is refused where it holds what objects inherit or no store can keep: %s', (text, pointer) => {
    expect(refusal(text).fields['errors']).toEqual([{ pointer, detail: expect.any(String) }]);
  });
});
