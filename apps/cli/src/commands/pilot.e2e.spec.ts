import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const cli = join(root, 'apps', 'cli', 'bin', 'rollcredits.mjs');
const PILOT = join(root, 'demo', 'data', 'pilot-50.jsonl');
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rollcredits-pilot-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** As a producer runs it: no server, no database, no configuration. */
function pilot(words: string[], input?: string): Promise<{ code: number | null; printed: string; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, 'pilot', ...words], { cwd: directory, env: { PATH: process.env['PATH'] }, stdio: 'pipe' });
    let [printed, said] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('close', (code) => resolve({ code, printed, said }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
  });
}

describe('rollcredits pilot', () => {
  it("prints the article's figures and writes both of its files", async () => {
    const [markdown, page] = [join(directory, 'memo.md'), join(directory, 'memo.html')];
    const bar = ['--benchmark-cost', '120', '--quality-bar', '15%'];
    const { code, printed, said } = await pilot([PILOT, ...bar, '--markdown', markdown, '--html', page]);
    expect([code, said]).toEqual([0, '']);
    const sentence = 'AI video costs $41.25 per usable clip and meets our quality bar.';
    for (const form of [printed, readFileSync(markdown, 'utf8'), readFileSync(page, 'utf8')]) expect(form).toContain(sentence);
  });

  it('answers with one object for scripts, from standard input too', async () => {
    const { code, printed } = await pilot(
      ['-', '--json', '--hourly-rate', '62.50', '--tooling-cost', '10', '--compliance-cost', '0.05', '--group-by', 'brief'],
      readFileSync(PILOT, 'utf8'),
    );
    const usd = (amountMinor: number): object => ({ currency: 'USD', amountMinor });
    expect(code).toBe(0);
    expect(JSON.parse(printed)).toMatchObject({
      ...{ totalGenerations: 50, usableClips: 8, publishedClips: 5, usableRate: '0.16', attemptsPerUsableClip: '6.25' },
      ...{ hourlyRate: usd(6250), humanCost: usd(31_250), toolingCost: usd(1000), complianceCost: usd(5), totalCost: usd(35_255) },
      ...{ costPerUsableClip: usd(4407), costPerPublishedClip: usd(7051), verdict: null },
      groups: [{ key: 'bf_2025_001', totalCost: usd(34_250) }],
      log: { accepted: 50, duplicates: 0, rejectedCount: 0, rejected: [] },
    });
  });

  it('names the lines that it refuses, reports on the others, and says so by its code', async () => {
    const log = join(directory, 'bad.jsonl');
    writeFileSync(log, `${readFileSync(PILOT, 'utf8')}nonsense\n{"id":"gen_1\\u001b[2J","published":1}\n`);
    const { code, printed, said } = await pilot([log]);
    expect(code).toBe(3);
    expect(printed).toContain('$41.25');
    expect(printed).toContain('50 attempts from bad.jsonl, 2026-05-21 to 2026-05-22; 2 lines refused and not counted.');
    expect(said).toMatch(/^line 51: is not valid JSON\nline 52 \(gen_1\ufffd\[2J\): id must be .*; published must be true or false; /);
  });

  it('refuses a log that is not there', async () => {
    const { code, printed, said } = await pilot(['missing.jsonl']);
    expect({ code, printed, said }).toEqual({ code: 2, printed: '', said: 'rollcredits: missing.jsonl cannot be read: ENOENT\n' });
  });
});
