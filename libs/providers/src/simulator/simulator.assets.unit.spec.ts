import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasProgram, NO_FFPROBE } from '../../../../test/support/programs.js';
import type { ProviderContent } from '../provider.port.js';
import { simulatedAsset, simulatedContent } from './simulator.assets.js';

const content = (job: string, type: Parameters<typeof simulatedAsset>[1], seconds: string | null = null): ProviderContent => {
  const made = simulatedContent(new URL(simulatedAsset(job, type, seconds).url));
  if (made === null) throw new Error('the simulator does not know its own URL');
  return made;
};

describe('a simulated asset', () => {
  it('is made from its URL alone, the same every time', () => {
    const { url } = simulatedAsset('task_1.1', 'video', '2.5');
    expect(url).toBe('https://assets.simulator.example/task_1.1.mp4?seconds=2.5');
    const again = simulatedContent(new URL(url));
    expect(again?.bytes.equals(content('task_1.1', 'video', '2.5').bytes)).toBe(true);
    expect(again).toMatchObject({ mediaType: 'video/mp4', durationSeconds: '2.5', width: 320, height: 180 });
  });

  it('has the media type that its URL and its report say', () => {
    for (const type of ['video', 'image', 'audio', 'text'] as const)
      expect(content('j', type, '1').mediaType).toBe(simulatedAsset('j', type, '1').mediaType);
    expect(String(content('task_9.2', 'text').bytes)).toContain('task_9.2');
  });

  it('differs from job to job, and with its duration', () => {
    const files = new Set(Array.from({ length: 100 }, (_, index) => content(`task_${index}.1`, 'video', '5').bytes.toString('base64')));
    expect(files.size).toBeGreaterThan(90);
    expect(content('j', 'video', '5').bytes.equals(content('j', 'video', '6').bytes)).toBe(false);
  });

  it('stays small, however long it lasts', () => {
    expect(content('j', 'video', '60').bytes.length).toBeLessThan(12_000);
    expect(content('j', 'video', '999999999999999').bytes.length).toBeLessThan(12_000);
    expect(content('j', 'audio', '999999999999999').bytes.length).toBeLessThan(15_000_000);
  });

  it.each([
    'https://assets.simulator.example/',
    'https://assets.simulator.example/a.exe',
    'https://assets.simulator.example/a/b.mp4',
    'https://assets.simulator.example/a.mp4?seconds=-1',
    'https://assets.simulator.example/a.mp4?seconds=1e9',
    'http://assets.simulator.example/a.mp4',
    'https://assets.simulator.example:444/a.mp4',
    'https://cdn.example/a.mp4',
  ])('is nothing that the simulator made at %s', (url) => expect(simulatedContent(new URL(url))).toBeNull());
});

(hasProgram('ffprobe') ? describe : describe.skip)(
  `a simulated asset, as ffprobe reads it${hasProgram('ffprobe') ? '' : `: ${NO_FFPROBE}`}`,
  () => {
    let dir: string;
    beforeAll(() => {
      dir = mkdtempSync(join(tmpdir(), 'rollcredits-media-'));
    });
    afterAll(() => rmSync(dir, { recursive: true, force: true }));

    const probed = (bytes: Buffer, extension: string): { stream: Record<string, unknown>; duration: string | undefined } => {
      const path = join(dir, `asset.${extension}`);
      writeFileSync(path, bytes);
      const entries = 'format=duration:stream=codec_name,pix_fmt,width,height,sample_rate,nb_read_frames';
      const text = execFileSync('ffprobe', ['-v', 'error', '-count_frames', '-show_entries', entries, '-of', 'json', path], {
        encoding: 'utf8',
      });
      const { streams, format } = JSON.parse(text) as { streams: Array<Record<string, unknown>>; format: { duration?: string } };
      return { stream: streams[0] as Record<string, unknown>, duration: format.duration };
    };

    it.each([
      ['5', 5, '50'],
      ['2.5', 2.5, '25'],
      ['0.03', 0.03, '1'],
      ['0.333333', 0.333333, '4'],
      ['7.0000004', 7, '70'],
      ['60', 60, '600'],
      ['3600.25', 3600.25, '600'],
      ['86400', 86_400, '600'],
    ])('is a video of %s seconds, every picture of which can be decoded', (seconds, expected, frames) => {
      const made = content('task_1.1', 'video', seconds);
      const { stream, duration } = probed(made.bytes, 'mp4');
      expect(stream).toMatchObject({ codec_name: 'h264', pix_fmt: 'yuv420p', width: 320, height: 180, nb_read_frames: frames });
      expect(Number(duration)).toBe(expected);
      expect(Number(made.durationSeconds)).toBe(expected);
    });

    it('is an image and a sound of just what is said of them', () => {
      expect(probed(content('j', 'image').bytes, 'png').stream).toMatchObject({
        codec_name: 'png',
        width: 320,
        height: 180,
        nb_read_frames: '1',
      });
      const { stream, duration } = probed(content('j', 'audio', '2.125').bytes, 'wav');
      expect(stream).toMatchObject({ codec_name: 'pcm_u8', sample_rate: '4000' });
      expect(Number(duration)).toBe(2.125);
    });
  },
);
