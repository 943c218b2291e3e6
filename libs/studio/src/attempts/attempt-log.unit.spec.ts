import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ImportedAttempt } from '../clip/clip.facts.js';
import { REJECTION_REASONS } from '../clip/rejection-reasons.js';
import { LOG_STATES, REVIEW_STATES, USABLE_STATES } from '../clip/review-states.js';
import { AttemptFold, cellsOf, isoWeekOf } from './attempt-fold.js';
import { exactDecimal, type AttemptLineError, type ReadLine } from './attempt-line.js';
import { attemptLine, readAttemptLog, recordOf } from './attempt-log.js';
import { SeenAttempts } from './seen-attempts.js';

const PILOT = join(import.meta.dirname, '..', '..', '..', '..', 'demo', 'data', 'pilot-50.jsonl');

const LINE = {
  ...{ id: 'gen_00042', brief_id: 'bf_2025_001', prompt_id: 'pr_003', prompt_version: 'v2', model: 'video-model-a', duration_seconds: 6 },
  ...{ credits_used: 42, generation_cost_usd: 0.84, asset_url: 's3://ai-video-pilots/bf_2025_001/gen_00042.mp4', status: 'rejected' },
  ...{ rejection_reason: 'product_detail_wrong', review_minutes: 3, editing_minutes: 0, published: false },
  created_at: '2026-05-21T12:00:00Z',
};

async function read(...chunks: Array<string | Uint8Array>): Promise<ReadLine[]> {
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  }
  const lines: ReadLine[] = [];
  for await (const some of readAttemptLog(body())) lines.push(...some);
  return lines;
}

const line = (change: object = {}): string => JSON.stringify({ ...LINE, ...change });

function errorsIn(read: ReadLine | undefined): AttemptLineError[] {
  return read !== undefined && 'errors' in read ? read.errors : [];
}

async function errorsOf(text: string): Promise<Array<[string | null, string]>> {
  const [only] = await read(text);
  return errorsIn(only).map(({ field, code }) => [field, code]);
}

async function attemptOf(text: string): Promise<ImportedAttempt> {
  const [only] = await read(text);
  if (only === undefined || 'errors' in only) throw new Error(JSON.stringify(only));
  return only.attempt;
}

describe('the log of attempts', () => {
  it("reads the article's own record", async () => {
    expect(await read(line())).toEqual([
      {
        line: 1,
        attempt: {
          ...LINE,
          duration_seconds: '6',
          credits_used: '42',
          generation_cost_usd: '0.84',
          review_minutes: '3',
          editing_minutes: '0',
        },
      },
    ]);
  });

  it('writes the pilot as it was read, byte for byte', async () => {
    let written = '';
    for await (const lines of readAttemptLog(createReadStream(PILOT, { highWaterMark: 777 })))
      for (const each of lines) written += 'errors' in each ? JSON.stringify(each) : attemptLine(recordOf(each.attempt));
    expect(written).toBe(readFileSync(PILOT, 'utf8'));
  });

  it('counts lines from 1 with the blank ones, whatever the chunks, the line ends and a byte-order mark', async () => {
    const text = `\ufeff${line()}\r\n\r\n  \n${line({ id: 'b' })}\nnonsense\n${line({ id: 'c' })}`;
    const expected = [
      [1, 'gen_00042'],
      [4, 'b'],
      [5, null],
      [6, 'c'],
    ];
    const bytes = Buffer.from(text);
    for (const size of [1, 2, 3, 64, bytes.length]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
      const lines = await read(...chunks);
      expect(lines.map((each) => [each.line, 'errors' in each ? each.id : each.attempt.id])).toEqual(expected);
    }
    expect(await read('')).toEqual([]);
    expect(await read('\n\n')).toEqual([]);
  });

  it('keeps what it reads although the reader uses its buffer again', async () => {
    const buffer = Buffer.alloc(64);
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const bytes = Buffer.from(line());
      for (let at = 0; at < bytes.length; at += buffer.length) yield buffer.subarray(0, bytes.copy(buffer, 0, at, at + buffer.length));
    }
    const lines: ReadLine[] = [];
    for await (const some of readAttemptLog(reusing())) lines.push(...some);
    expect(lines).toEqual(await read(line()));
  });

  it('holds no more than 64 KiB of a line, and lets a line that is no UTF-8 spoil itself alone', async () => {
    const megabyte = Buffer.alloc(1 << 20, 'x');
    const lines = await read(megabyte, megabyte, `\n${line()}\n`, Buffer.from([0x22, 0xc3, 0x28, 0x22, 0x0a]), line({ id: 'b' }));
    expect(lines).toEqual([
      { line: 1, id: null, errors: [{ field: null, code: 'too_large', detail: 'is longer than 64 KiB' }] },
      expect.objectContaining({ line: 2 }),
      { line: 3, id: null, errors: [{ field: null, code: 'invalid', detail: 'is not UTF-8' }] },
      expect.objectContaining({ line: 4 }),
    ]);
    const longest = line({ asset_url: null }).padEnd(65_536);
    expect(await errorsOf(longest)).toEqual([]);
    expect(await errorsOf(`${longest} `)).toEqual([[null, 'too_large']]);
  });

  it('keeps numbers as exact decimals in their shortest form', async () => {
    const raw = (name: string, token: string): string => line().replace(new RegExp(`"${name}":[^,}]+`), `"${name}":${token}`);
    const cases: Array<[string, string]> = [
      ['0.1', '0.1'],
      ['0.10', '0.1'],
      ['1.0', '1'],
      ['-0', '0'],
      ['0e5', '0'],
      ['1e2', '100'],
      ['1.5E-3', '0.0015'],
      ['12.5e1', '125'],
      ['0.30000000000000004', '0.30000000000000004'],
      ['0.1000000000000000055', '0.1000000000000000055'],
      ['123456789.12345678', '123456789.12345678'],
    ];
    for (const [token, expected] of cases) expect((await attemptOf(raw('generation_cost_usd', token))).generation_cost_usd).toBe(expected);
    for (const token of ['1e-30', '1e999999', '0.123456789012345678901', '1234567890123456'])
      expect(await errorsOf(raw('generation_cost_usd', token))).toEqual([['generation_cost_usd', 'invalid']]);
    for (const token of ['-0.01', '1000000000.01', '1e9999'.slice(0, 4)])
      expect((await errorsOf(raw('generation_cost_usd', token)))[0]?.[0]).toBe('generation_cost_usd');
  });

  it('names every field that is wrong, with a code', async () => {
    const cases: Array<[object, Array<[string, string]>]> = [
      [{ id: undefined }, [['id', 'required']]],
      [{ id: '' }, [['id', 'invalid']]],
      [{ id: 'a b' }, [['id', 'invalid']]],
      [{ id: '../x' }, [['id', 'invalid']]],
      [{ id: 'x'.repeat(101) }, [['id', 'invalid']]],
      [{ id: 7 }, [['id', 'invalid']]],
      [{ brief_id: null }, [['brief_id', 'required']]],
      [{ prompt_version: '2' }, [['prompt_version', 'invalid']]],
      [{ prompt_version: 'v0' }, [['prompt_version', 'invalid']]],
      [{ prompt_version: null }, [['prompt_version', 'inconsistent']]],
      [{ model: '' }, [['model', 'invalid']]],
      [{ model: 'a\u0000b' }, [['model', 'invalid']]],
      [{ model: '\ud800' }, [['model', 'invalid']]],
      [{ duration_seconds: 0 }, [['duration_seconds', 'out_of_range']]],
      [{ duration_seconds: 86_400.5 }, [['duration_seconds', 'out_of_range']]],
      [{ duration_seconds: '6' }, [['duration_seconds', 'invalid']]],
      [{ credits_used: -1 }, [['credits_used', 'out_of_range']]],
      [{ generation_cost_usd: undefined }, [['generation_cost_usd', 'required']]],
      [{ generation_cost_usd: null }, [['generation_cost_usd', 'required']]],
      [{ asset_url: 'gen.mp4' }, [['asset_url', 'invalid']]],
      [{ asset_url: '/v1/assets/gen.mp4' }, [['asset_url', 'invalid']]],
      [{ asset_url: 'javascript://%0aalert(1)' }, [['asset_url', 'invalid']]],
      [{ status: 'generation_started' }, [['status', 'invalid']]],
      [{ rejection_reason: null }, [['rejection_reason', 'required']]],
      [{ rejection_reason: 'ugly' }, [['rejection_reason', 'invalid']]],
      [{ status: 'rejected_quality', rejection_reason: undefined }, [['rejection_reason', 'required']]],
      [{ status: 'needs_revision', rejection_reason: null }, [['rejection_reason', 'required']]],
      [{ status: 'approved_to_publish' }, [['rejection_reason', 'inconsistent']]],
      [{ review_minutes: 100_001 }, [['review_minutes', 'out_of_range']]],
      [{ published: 'no' }, [['published', 'invalid']]],
      [{ published: true }, [['published', 'inconsistent']]],
      [{ status: 'published', rejection_reason: null }, [['published', 'inconsistent']]],
      [{ created_at: '2026-05-21' }, [['created_at', 'invalid']]],
      [{ created_at: '2026-02-30T12:00:00Z' }, [['created_at', 'invalid']]],
      [{ created_at: '2100-02-29T12:00:00Z' }, [['created_at', 'invalid']]],
      [{ created_at: '2024-02-29T23:59:59.999999+14:00' }, []],
      [{ created_at: '2026-13-01T12:00:00Z' }, [['created_at', 'invalid']]],
      [{ created_at: '2026-05-21T24:00:00Z' }, [['created_at', 'invalid']]],
      [{ created_at: '2026-05-21T12:00:00' }, [['created_at', 'invalid']]],
      [{ editing_minutes: { a: 1 } }, [['editing_minutes', 'invalid']]],
      [{ seed: 7 }, [['seed', 'unknown_field']]],
      [
        { colour: 1, credits_used: -1, created_at: 'now' },
        [
          ['colour', 'unknown_field'],
          ['credits_used', 'out_of_range'],
          ['created_at', 'invalid'],
        ],
      ],
    ];
    for (const [change, expected] of cases) expect([change, await errorsOf(line(change))]).toEqual([change, expected]);
  });

  it('takes what may be missing as null, and no prompt where it is said', async () => {
    const failed = { status: 'generation_failed', rejection_reason: undefined, asset_url: undefined, duration_seconds: undefined };
    expect(await attemptOf(line(failed))).toMatchObject({ asset_url: null, duration_seconds: null, rejection_reason: null });
    const promptless = await attemptOf(line({ prompt_id: null, prompt_version: null }));
    expect(promptless).toMatchObject({ prompt_id: '', prompt_version: '' });
    expect(await attemptOf(attemptLine(recordOf(promptless)))).toEqual(promptless);
    expect(await attemptOf(line({ created_at: '2026-05-21T14:00:00.5+02:00' }))).toMatchObject({
      created_at: '2026-05-21T14:00:00.5+02:00',
    });
  });

  it('refuses what is no object of the log, and a name that stands twice', async () => {
    for (const text of [
      '{',
      '[]',
      '7',
      'null',
      '"x"',
      `${line()}x`,
      `${line()}${line()}`,
      line().replace('"id"', "'id'"),
      '{"id":01}',
      '{"a":1,}',
    ])
      expect([text, (await errorsOf(text)).map(([field, code]) => [field, code])]).toEqual([text, [[null, 'invalid']]]);
    expect(await errorsOf(line().replace('{', '{"id":"a",'))).toEqual([['id', 'invalid']]);
    expect((await errorsOf('{}')).map(([, code]) => code)).toEqual(new Array(12).fill('required'));
    expect((await errorsOf(JSON.stringify(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`x${n}`, n]))))).length).toBe(16);
  });

  it('reads JSON as JSON.parse does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null))), async (extra) => {
        const text = JSON.stringify(
          { ...LINE, ...Object.fromEntries(Object.entries(extra).map(([name, value]) => [`x${name}`, value])) },
          null,
          ' ',
        );
        const [only] = await read(text.replaceAll('\n', ' '));
        expect(errorsIn(only).map(({ code }) => code)).toEqual(new Array(Math.min(16, Object.keys(extra).length)).fill('unknown_field'));
      }),
    );
  });

  it('gives back every attempt that it can write', async () => {
    const decimal = (max: number) =>
      fc.tuple(fc.nat(max), fc.nat(9_999)).map(([whole, part]) => exactDecimal(`${whole}.${String(part).padStart(4, '0')}`)!);
    const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
    const attempts = fc
      .record({
        ...{
          id,
          brief_id: id,
          prompt_id: id,
          prompt_version: fc.integer({ min: 1, max: 99 }).map((n) => `v${n}`),
          model: fc.stringMatching(/^[a-zäöü"\\/]{1,20}$/),
        },
        ...{
          duration_seconds: fc.oneof(
            fc.constant(null),
            decimal(80).map((text) => (text === '0' ? '1' : text)),
          ),
          credits_used: decimal(9_999),
        },
        ...{
          generation_cost_usd: decimal(999),
          asset_url: fc.oneof(fc.constant(null), fc.webUrl()),
          status: fc.constantFrom(...REVIEW_STATES, ...LOG_STATES),
        },
        ...{
          rejection_reason: fc.constantFrom(...REJECTION_REASONS),
          review_minutes: decimal(99),
          editing_minutes: decimal(99),
          published: fc.boolean(),
        },
        created_at: fc
          .date({ min: new Date('1990-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
          .map((date) => date.toISOString()),
      })
      .map((attempt) => ({
        ...attempt,
        published: attempt.status === 'published',
        rejection_reason: USABLE_STATES.has(attempt.status) ? null : attempt.rejection_reason,
      }));
    await fc.assert(
      fc.asyncProperty(fc.array(attempts, { minLength: 1, maxLength: 5 }), async (list) => {
        const lines = await read(list.map((attempt) => attemptLine(recordOf(attempt))).join(''));
        expect(lines).toEqual(list.map((attempt, index) => ({ line: index + 1, attempt })));
      }),
    );
  });
});

describe('cells of a log', () => {
  it('tell apart what is asked for, and keep no more', async () => {
    const attempt = await attemptOf(line());
    const many = Array.from({ length: 500 }, (_, n) =>
      recordOf({ ...attempt, id: `g${n}`, brief_id: `b${n % 7}`, generation_cost_usd: '0.101' }),
    );
    const fold = new AttemptFold(['model']);
    for (const record of many) fold.add(record);
    expect(fold.cells()).toEqual([
      {
        ...{ briefId: null, campaign: null, channel: null, format: null, model: 'video-model-a', promptVersion: null, week: '2026-W21' },
        ...{ state: 'rejected', reasons: ['product_detail_wrong'], generations: 500, reviewMinutes: '1500', brandReviewMinutes: '0' },
        ...{ editingMinutes: '0', creditsUsed: '21000', unpricedCredits: '0', ledgerCost: { USD: '5050' }, providerCost: { USD: '5050' } },
      },
    ]);
    expect(cellsOf(many).map(({ briefId, promptVersion }) => [briefId, promptVersion])).toEqual(
      Array.from({ length: 7 }, (_, n) => [`b${n}`, 'pr_003@v2']),
    );
  });

  it('are of the ISO week in UTC', () => {
    const weeks = [
      '2026-05-24T23:59:59.999Z',
      '2026-05-25T00:00:00Z',
      '2027-01-03T23:00:00-02:00',
      '2021-01-03T12:00:00Z',
      '2020-12-31T00:00:00Z',
    ];
    expect(weeks.map((text) => isoWeekOf(Date.parse(text)))).toEqual(['2026-W21', '2026-W22', '2027-W01', '2020-W53', '2020-W53']);
  });
});

describe('attempts seen', () => {
  it('are known again by id and content, however many there are', async () => {
    const attempt = await attemptOf(line());
    const seen = new SeenAttempts();
    for (let n = 0; n < 20_000; n += 1) if (seen.see({ ...attempt, id: `g${n}` }) !== 'new') throw new Error(`g${n} is new`);
    for (let n = 0; n < 20_000; n += 997) expect(seen.see({ ...attempt, id: `g${n}` })).toBe('same');
    expect(seen.see({ ...attempt, id: 'g7', created_at: '2026-05-21T14:00:00+02:00' })).toBe('same');
    expect(seen.see({ ...attempt, id: 'g7', review_minutes: '3.5' })).toBe('other');
    expect(seen.see({ ...attempt, id: 'g7' })).toBe('same');
  });
});
