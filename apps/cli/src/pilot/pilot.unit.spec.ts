import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { heldMemory } from '../../../../test/support/held-memory.js';
import type { RejectedAttempt, ReportOptions } from '#libs/studio';
import { pilotHtml } from './pilot-html.js';
import { readPilotLog, REJECTED_SHOWN_MAX, type PilotLog } from './pilot-log.js';
import { pilotMarkdown } from './pilot-markdown.js';
import { pilotText } from './pilot-text.js';
import { pilotOf, ROWS_SHOWN_MAX, type Pilot } from './pilot.js';

const PILOT = join(import.meta.dirname, '..', '..', '..', '..', 'demo', 'data', 'pilot-50.jsonl');
const KEYS = ['model', 'promptVersion'] as const;
const OPTIONS: ReportOptions = {
  ...{ groupBy: null, hourlyRateMinor: 6000, toolingCostMinor: 0, complianceCostMinor: 0, costSource: 'ledger', currency: 'USD' },
  benchmark: {
    name: 'the current workflow',
    costPerUsableClip: { currency: 'USD', amountMinor: 12_000 },
    qualityBar: { usableRate: '0.25' },
  },
  ...{ format: null, channel: null },
};

const line = (id: string, change: object = {}): string =>
  `${JSON.stringify({
    ...{ id, brief_id: 'bf', prompt_id: 'pr', prompt_version: 'v1', model: 'm', duration_seconds: 6, credits_used: 42 },
    ...{ generation_cost_usd: 0.1, asset_url: null, status: 'rejected', rejection_reason: 'too_generic', review_minutes: 3 },
    ...{ editing_minutes: 0, published: false, created_at: '2026-05-21T12:00:00Z' },
    ...change,
  })}\n`;

async function* bytesOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const pilotFile = async (options: Partial<ReportOptions> = {}): Promise<Pilot> =>
  pilotOf(await readPilotLog(createReadStream(PILOT), 'pilot-50.jsonl', KEYS), { ...OPTIONS, ...options });
const pilotFrom = async (text: string, options: Partial<ReportOptions> = {}): Promise<Pilot> =>
  pilotOf(await readPilotLog(bytesOf(text), 'log', KEYS), { ...OPTIONS, ...options });

const SENTENCE = 'AI video costs $41.25 per usable clip and does not meet our quality bar.';

describe('the forms of a pilot', () => {
  it("all say the article's sentence and its figures", async () => {
    const pilot = await pilotFile();
    for (const form of [pilotText(pilot), pilotMarkdown(pilot), pilotHtml(pilot)]) {
      expect(form).toContain(SENTENCE);
      for (const figure of ['$30.00', '$300.00', '$330.00', '$41.25', '$66.00', '6.25', '16%', '180 min of review', '120 min of editing'])
        expect(form).toContain(figure);
      expect(form).toContain('50 attempts from pilot-50.jsonl, 2026-05-21 to 2026-05-22.');
    }
  });

  it('show reasons by model, and prompt versions with their intervals', async () => {
    const pilot = await pilotFile();
    expect(pilot.reasons[0]).toEqual({ reason: 'prompt_not_followed', count: 8, byModel: [7, 1] });
    expect(pilot.reasons.reduce((sum, { count }) => sum + count, 0)).toBe(39);
    expect(pilotText(pilot)).toMatch(/^pr_003@v1 +18 +3 +16\.7% +5\.8% to 39\.2% +\$122\.80 +\$40\.93$/m);
    expect(pilotMarkdown(pilot)).toContain('| `prompt_not_followed` | 7 | 1 | 8 |');
    expect(pilotHtml(pilot).match(/<svg /g)).toHaveLength(3);
  });

  it('say a slice that was asked for, and weeks where there are several', async () => {
    const weeks = await pilotFrom(line('a') + line('b', { created_at: '2026-05-29T12:00:00Z' }), { groupBy: 'rejectionReason' });
    const text = pilotText(weeks);
    expect(text).toMatch(/^Week +Generations/m);
    expect(text).toMatch(/^2026-W22 +1 /m);
    expect(text).toMatch(/^too_generic +2 +0 /m);
  });

  it('say why there is no cost per usable clip, and stand for a log without attempts', async () => {
    const none = await pilotFrom(line('a') + line('b'));
    for (const form of [pilotText(none), pilotMarkdown(none), pilotHtml(none)]) {
      expect(form).toContain('no usable clip among 2 generations');
      expect(form).not.toMatch(/NaN|Infinity|undefined/);
    }
    const empty = await pilotFrom('');
    for (const form of [pilotText(empty), pilotMarkdown(empty), pilotHtml(empty)]) {
      expect(form).toContain('0 attempts from log.');
      expect(form).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  it('convert nothing: a log whose costs are in dollars is told in dollars', async () => {
    await expect(pilotFile({ currency: 'EUR', benchmark: null })).rejects.toThrow(
      'the log names its costs in USD, and there is no conversion to EUR',
    );
    const free = await pilotFrom(line('a', { generation_cost_usd: 0 }), { currency: 'EUR', benchmark: null });
    expect(free.report.totalCost).toEqual({ currency: 'EUR', amountMinor: 300 });
  });

  it('let nothing of a log become markup', async () => {
    const model = `<script>alert(1)</script>&"'|x\`\`y_*z*`;
    const pilot = await pilotFrom(line('a', { model }) + line('b', { model: 'b' }), { format: '<b>bold</b>', channel: '*reel*' });
    const page = pilotHtml(pilot);
    expect(page).not.toContain('<script');
    expect(page).not.toContain('<b>');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;|x``y_*z*');
    const memo = pilotMarkdown(pilot);
    expect(memo).toContain('For &lt;b&gt;bold&lt;/b&gt;, on \\*reel\\*, with');
    expect(memo).toContain('| ``` <script>alert(1)</script>&"\'\\|x``y_*z* ``` |');
    for (const row of memo.split('\n').filter((each) => each.startsWith('| ```'))) expect(row.match(/(?<!\\)\|/g)).toHaveLength(8);
  });

  it('load nothing from anywhere', async () => {
    const page = pilotHtml(await pilotFile());
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).not.toMatch(/\b(src|href)=|url\(|@import|https?:/);
    expect(page).toContain('@media (prefers-color-scheme:dark)');
  });

  it('stay readable where a log has more models and prompt versions than a pilot', async () => {
    const many = Array.from({ length: 200 }, (_, n) => line(`g${n}`, { model: `model-${n}`, prompt_version: `v${n + 1}` })).join('');
    const pilot = await pilotFrom(many);
    expect(pilot.models).toHaveLength(ROWS_SHOWN_MAX);
    expect(pilotText(pilot)).toContain(`… and ${200 - ROWS_SHOWN_MAX} more`);
    expect(pilotHtml(pilot)).toContain('other models');
  });
});

describe('the log of a pilot', () => {
  const readLog = async (text: string): Promise<{ log: PilotLog; said: RejectedAttempt[] }> => {
    const said: RejectedAttempt[] = [];
    return { log: await readPilotLog(bytesOf(text), 'log', KEYS, (rejected) => said.push(rejected)), said };
  };

  it('counts duplicates once, and refuses what contradicts an earlier line', async () => {
    const { log, said } = await readLog(
      line('a') + line('a') + line('a', { review_minutes: 4 }) + 'x\n' + line('b', { generation_cost_usd: 0.2 }),
    );
    expect(log).toMatchObject({ accepted: 2, duplicates: 1, rejectedCount: 2 });
    expect(said.map(({ line: at, id, errors }) => [at, id, errors[0]?.code])).toEqual([
      [3, 'a', 'already_exists'],
      [4, null, 'invalid'],
    ]);
    expect(log.cells).toEqual([expect.objectContaining({ generations: 2, ledgerCost: { USD: '30' } })]);
  });

  it('names a thousand refused lines and counts them all', async () => {
    const { log, said } = await readLog('x\n'.repeat(REJECTED_SHOWN_MAX + 3));
    expect([log.rejectedCount, log.rejected.length, said.length]).toEqual([1_003, 1_000, 1_000]);
  });

  it('takes 200 MB in flat memory', async () => {
    // Long URLs, as presigned ones are: the test is about bytes, not about the time that lines take. Only the ids differ.
    const asset = `https://assets.example/${'x'.repeat(1_900)}`;
    const lineBytes = Buffer.from(line('g0000000', { asset_url: asset }));
    const chunk = Buffer.concat(new Array<Buffer>(50).fill(lineBytes));
    const idAt = lineBytes.indexOf('g0000000') + 1;
    const total = Math.ceil(200_000_000 / lineBytes.length / 50) * 50;
    const heights: number[] = [];
    async function* long(): AsyncGenerator<Uint8Array> {
      for (let lines = 0; lines < total; lines += 50) {
        for (let n = 0; n < 50; n += 1) chunk.write(String(lines + n).padStart(7, '0'), n * lineBytes.length + idAt);
        yield chunk;
        if (lines % 15_000 === 0) heights.push(heldMemory());
      }
    }
    const log = await readPilotLog(long(), 'log', KEYS);
    expect(log).toMatchObject({ accepted: total, rejectedCount: 0 });
    expect(heights.length).toBeGreaterThan(4);
    // What grows is the table of ids, 24 bytes a slot.
    expect(Math.max(...heights) - (heights[0] as number)).toBeLessThan(12_000_000);
  });
});
