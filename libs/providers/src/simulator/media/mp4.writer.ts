// Puts the pictures of flat.video.ts into an MP4 that plays from its first byte and lasts exactly as long as is asked for.
import { HEIGHT, keyPicture, pictureParameters, PROFILE, repeatedPicture, sequenceParameters, WIDTH, type Colour } from './flat.video.js';

const PICTURES_PER_SECOND = 10;
const PICTURES_MAX = 600;
/** A 32-bit count of microseconds ends after 71 minutes; what is longer is told in milliseconds. */
const FINE = { timescale: 1_000_000, secondsMax: 4_000 };
const COARSE_TIMESCALE = 1_000;

/** `microseconds`: from 1 to 4 × 10^12. Answers how long the file really lasts, which differs only beyond an hour, and by less than a millisecond. */
export function flatMp4(colour: Colour, microseconds: number): { bytes: Buffer; seconds: number } {
  const timescale = microseconds <= FINE.secondsMax * 1_000_000 ? FINE.timescale : COARSE_TIMESCALE;
  const duration = Math.max(1, Math.round((microseconds * timescale) / 1_000_000));
  const count = Math.max(1, Math.min(PICTURES_MAX, Math.ceil((microseconds * PICTURES_PER_SECOND) / 1_000_000), duration));
  const samples = Array.from({ length: count }, (_, index) => (index === 0 ? sized(keyPicture(colour)) : repetition(index)));
  const fileType = box('ftyp', 'isom', u32(0x200), 'isom', 'iso2', 'avc1', 'mp41');
  const movie = (offset: number): Buffer => movieBox(samples, { timescale, duration, offset });
  const offset = fileType.length + movie(0).length + 8;
  return { bytes: Buffer.concat([fileType, movie(offset), box('mdat', ...samples)]), seconds: duration / timescale };
}

interface Track {
  timescale: number;
  duration: number;
  /** Of the first sample, in the file. */
  offset: number;
}

const MATRIX = Buffer.concat([0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000].map(u32));
const zeros = (length: number): Buffer => Buffer.alloc(length);

function movieBox(samples: readonly Buffer[], track: Track): Buffer {
  const { timescale, duration } = track;
  return box(
    'moov',
    fullBox('mvhd', 0, zeros(8), u32(timescale), u32(duration), u32(0x10000), u16(0x100), zeros(10), MATRIX, zeros(24), u32(2)),
    box(
      'trak',
      fullBox('tkhd', 3, zeros(8), u32(1), zeros(4), u32(duration), zeros(16), MATRIX, u32(WIDTH << 16), u32(HEIGHT << 16)),
      box(
        'mdia',
        fullBox('mdhd', 0, zeros(8), u32(timescale), u32(duration), u16(0x55c4), zeros(2)),
        fullBox('hdlr', 0, zeros(4), 'vide', zeros(12), 'video\0'),
        box('minf', fullBox('vmhd', 1, zeros(8)), box('dinf', fullBox('dref', 0, u32(1), fullBox('url ', 1))), sampleTable(samples, track)),
      ),
    ),
  );
}

function sampleTable(samples: readonly Buffer[], { duration, offset }: Track): Buffer {
  const count = samples.length;
  const each = Math.floor(duration / count);
  const last = duration - each * (count - 1);
  const times = count > 1 && last !== each ? [count - 1, each, 1, last] : [count, each];
  return box(
    'stbl',
    fullBox('stsd', 0, u32(1), sampleEntry()),
    fullBox('stts', 0, u32(times.length / 2), ...times.map(u32)),
    fullBox('stss', 0, u32(1), u32(1)),
    fullBox('stsc', 0, u32(1), u32(1), u32(count), u32(1)),
    fullBox('stsz', 0, u32(0), u32(count), ...samples.map((sample) => u32(sample.length))),
    fullBox('stco', 0, u32(1), u32(offset)),
  );
}

function sampleEntry(): Buffer {
  const [sps, pps] = [sequenceParameters(), pictureParameters()];
  const { profile, constraints, level } = PROFILE;
  const decoder = Buffer.from([1, profile, constraints, level, 0xff, 0xe1]);
  const configuration = box('avcC', decoder, u16(sps.length), sps, Buffer.from([1]), u16(pps.length), pps);
  const resolution = u32(0x480000);
  return box(
    'avc1',
    ...[zeros(6), u16(1), zeros(16), u16(WIDTH), u16(HEIGHT), resolution, resolution, zeros(4), u16(1), zeros(32), u16(24), u16(0xffff)],
    configuration,
  );
}

function box(type: string, ...parts: Array<Buffer | string>): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  return Buffer.concat([u32(content.length + 8), Buffer.from(type, 'latin1'), content]);
}

function fullBox(type: string, flags: number, ...parts: Array<Buffer | string>): Buffer {
  return box(type, u32(flags), ...parts);
}

const repetitions: Buffer[] = [];

/** The same in every file. */
function repetition(number: number): Buffer {
  return (repetitions[number] ??= sized(repeatedPicture(number)));
}

/** A sample's unit behind its length. */
function sized(unit: Buffer): Buffer {
  return Buffer.concat([u32(unit.length), unit]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
