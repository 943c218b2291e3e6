import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);
const exists = (file: string): boolean => {
  try {
    readFileSync(join(root, file));
    return true;
  } catch {
    return false;
  }
};
const files = tracked.filter(exists).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
const sources = files.filter(({ path }) => path.endsWith('.ts'));
const code = sources.filter(({ path }) => !/\.(spec|contract)\.ts$/.test(path));
const specs = sources.filter(({ path }) => path.endsWith('.spec.ts'));
const offenders = (list: typeof files, wrong: (text: string, path: string) => boolean): string[] =>
  list.filter(({ text, path }) => wrong(text, path)).map(({ path }) => path);

describe('the house is tidy', () => {
  it('every source file opens with one sentence that says what it is for', () => {
    expect(offenders(code, (text) => !/^(#!.*\n)?\/\/ \S.*[.:?]\s/.test(text))).toEqual([]);
  });

  it('files are named noun.role in lower case', () => {
    expect(offenders(sources, (_text, path) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*\.ts$/.test(path.split('/').pop()!))).toEqual([]);
  });

  it('no file is too long to read in one sitting', () => {
    expect(offenders(code, (text) => text.split('\n').length > 420)).toEqual([]);
  });

  it('nothing is left for later', () => {
    const later = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK'].join('|'));
    expect(offenders(sources, (text) => later.test(text))).toEqual([]);
  });

  it('no test waits by the clock', () => {
    expect(offenders(specs, (text) => /=> *\{?\s*setTimeout\(\s*(resolve|r|done|ok)\b|timers\/promises/.test(text))).toEqual([]);
  });

  it('no test asserts how long this machine takes', () => {
    expect(offenders(specs, (text) => /(performance|Date)\.now\(\) - \w+\)\.toBeLess/.test(text))).toEqual([]);
  });

  it('no test is skipped or alone', () => {
    expect(offenders(specs, (text) => /\b(describe|it|test)\.(only|skip)\(|\b(xit|fit|xdescribe|fdescribe)\(/.test(text))).toEqual([]);
  });

  it('no file names a machine, a registry or a path outside the checkout', () => {
    const places = new RegExp(['/wo' + 'rk/', 'registry\\.npm' + 'js', 'repo1\\.ma' + 'ven', 'deb\\.deb' + 'ian'].join('|'));
    const own = files.filter(({ path }) => !path.endsWith('.png'));
    expect(offenders(own, (text) => places.test(text))).toEqual([]);
  });

  it('only files that are meant to print do so', () => {
    const quiet = code.filter(({ path }) => !/^(apps\/cli|apps\/standalone|bench|demo|test)\//.test(path));
    expect(offenders(quiet, (text) => /\bconsole\.\w+\(/.test(text))).toEqual([]);
  });
});
