// 5 react · decides what a simulated job's asset is: its URL, which is a fact, says everything, so that any process makes the same real file from it, today or in a year.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { parseDecimal, shortestDecimal, unreachable } from '#libs/kernel';
import type { ProviderAsset, ProviderContent, ProviderJob } from '../provider.port.js';
import { flatPng } from './media/flat.png.js';
import { HEIGHT, WIDTH, type Colour } from './media/flat.video.js';
import { flatMp4 } from './media/mp4.writer.js';
import { SAMPLES_PER_SECOND, toneWav } from './media/tone.wav.js';

type OutputType = ProviderJob['outputType'];

/** A name that no resolver knows (RFC 2606): the simulator hands its files out itself, see {@link simulatedContent}. */
const HOST = 'assets.simulator.example';
const MEDIA = {
  video: { mediaType: 'video/mp4', extension: 'mp4' },
  image: { mediaType: 'image/png', extension: 'png' },
  audio: { mediaType: 'audio/wav', extension: 'wav' },
  text: { mediaType: 'text/plain', extension: 'txt' },
} as const;
/** Of a job that says nothing of its length. */
const SECONDS_DEFAULT = '5';
/** What is asked to last longer than this, does not. */
const MICROSECONDS_MAX = { video: 4e12, audio: 3.6e9 };
const CACHE = { max: 10_000, maxSize: 32 * 1_048_576 };

export function simulatedAsset(clientJobId: string, outputType: OutputType, durationSeconds: string | null): ProviderAsset {
  const { mediaType, extension } = MEDIA[outputType];
  const isTimed = outputType === 'video' || outputType === 'audio';
  const query = isTimed && durationSeconds !== null ? `?seconds=${durationSeconds}` : '';
  return {
    url: `https://${HOST}/${encodeURIComponent(clientJobId)}.${extension}${query}`,
    mediaType,
    durationSeconds: isTimed ? durationSeconds : null,
  };
}

const made = new LRUCache<string, ProviderContent>({ ...CACHE, sizeCalculation: ({ bytes }) => bytes.length });

/** Null: not a URL of the simulator's. A colour in 4,096 and a tone in 16 are the job's own; what differs in neither is the same file. */
export function simulatedContent(url: URL): ProviderContent | null {
  if (url.protocol !== 'https:' || url.host !== HOST) return null;
  const match = /^\/([^/]+)\.([a-z0-9]{3})$/.exec(url.pathname);
  const outputType = (Object.keys(MEDIA) as OutputType[]).find((type) => MEDIA[type].extension === match?.[2]);
  const microseconds = microsecondsOf(url.searchParams.get('seconds') ?? SECONDS_DEFAULT);
  if (match === null || outputType === undefined || microseconds === null) return null;
  const job = match[1] as string;
  if (outputType === 'text') return text(job);
  const digest = createHash('sha256').update(job).digest();
  const variant = outputType === 'audio' ? (digest[0] as number) & 0x0f : digest.readUInt16BE() & 0x0fff;
  const key = `${outputType} ${variant} ${outputType === 'image' ? '' : microseconds}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const content = make(outputType, variant, microseconds);
  made.set(key, content);
  return content;
}

function make(outputType: Exclude<OutputType, 'text'>, variant: number, microseconds: number): ProviderContent {
  const { mediaType } = MEDIA[outputType];
  const size = { width: WIDTH, height: HEIGHT };
  switch (outputType) {
    case 'image':
      return { bytes: flatPng(colourOf(variant)), mediaType, durationSeconds: null, ...size };
    case 'video': {
      const { bytes, seconds } = flatMp4(colourOf(variant), Math.min(microseconds, MICROSECONDS_MAX.video));
      return { bytes, mediaType, durationSeconds: shortestDecimal(seconds), ...size };
    }
    case 'audio': {
      const samples = Math.max(1, Math.round((Math.min(microseconds, MICROSECONDS_MAX.audio) * SAMPLES_PER_SECOND) / 1_000_000));
      const durationSeconds = shortestDecimal(samples / SAMPLES_PER_SECOND);
      return { bytes: toneWav(3 + variant, samples), mediaType, durationSeconds, width: null, height: null };
    }
    default:
      return unreachable(outputType, 'output type');
  }
}

function text(job: string): ProviderContent {
  return {
    bytes: Buffer.from(`This is what the simulator wrote for ${job}.\n`, 'utf8'),
    mediaType: MEDIA.text.mediaType,
    durationSeconds: null,
    width: null,
    height: null,
  };
}

function colourOf(variant: number): Colour {
  return { y: 60 + 8 * (variant >> 8), cb: 64 + 8 * ((variant >> 4) & 0x0f), cr: 64 + 8 * (variant & 0x0f) };
}

/** At least one; null for what is no number of seconds. */
function microsecondsOf(seconds: string): number | null {
  const decimal = parseDecimal(seconds, { integerDigitsMax: 15, fractionDigitsMax: 60 });
  if (decimal === null) return null;
  const digits = decimal.digits * 1_000_000n;
  const unit = 10n ** BigInt(decimal.scale);
  const rounded = (digits * 2n + unit) / (unit * 2n);
  return Math.max(1, Number(rounded));
}
