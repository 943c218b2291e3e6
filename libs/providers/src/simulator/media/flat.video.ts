// Makes the simulator's video: a plane of one colour as H.264 (constrained baseline), without an encoder. The MP4 around it is mp4.writer.ts's.
import { BitWriter } from './bit.writer.js';

/** Samples of one pixel, limited range. */
export interface Colour {
  y: number;
  cb: number;
  cr: number;
}

export const WIDTH = 320;
export const HEIGHT = 180;
/** In macroblocks of 16 × 16; what is too much below is cropped. */
const COLUMNS = WIDTH / 16;
const ROWS = Math.ceil(HEIGHT / 16);
const FRAME_NUMBER_BITS = 16;
const DEBLOCKING_OFF = 1;

export const PROFILE = { profile: 66, constraints: 0xc0, level: 20 } as const;

export function sequenceParameters(): Buffer {
  const writer = new BitWriter().bytes([0x67, PROFILE.profile, PROFILE.constraints, PROFILE.level]).unsigned(0);
  writer.unsigned(FRAME_NUMBER_BITS - 4).unsigned(2); // Pictures come in the order in which they are shown.
  writer.unsigned(1).bits(0, 1); // One reference picture, no gaps in frame numbers.
  writer
    .unsigned(COLUMNS - 1)
    .unsigned(ROWS - 1)
    .bits(0b11, 2);
  writer.bits(1, 1).unsigned(0).unsigned(0).unsigned(0); // Cropped at the bottom only, in steps of two lines.
  writer.unsigned((ROWS * 16 - HEIGHT) / 2).bits(0, 1);
  return escaped(writer.finish());
}

export function pictureParameters(): Buffer {
  const writer = new BitWriter().bytes([0x68]).unsigned(0).unsigned(0).bits(0, 2);
  writer.unsigned(0).unsigned(0).unsigned(0).bits(0, 3); // One slice group, one reference each way, no weights.
  writer.unsigned(0).unsigned(0).unsigned(0); // Quantisers, which nothing here uses.
  return escaped(writer.bits(0b100, 3).finish()); // Slices say whether they are deblocked.
}

/** The first macroblock is written out sample by sample; every other one is predicted from its neighbours, exactly, with nothing to add. */
export function keyPicture({ y, cb, cr }: Colour): Buffer {
  const writer = new BitWriter().bytes([0x65]).unsigned(0).unsigned(7).unsigned(0);
  writer.bits(0, FRAME_NUMBER_BITS).unsigned(0).bits(0, 2).unsigned(0).unsigned(DEBLOCKING_OFF);
  writer.unsigned(25).align(); // I_PCM.
  writer.bytes(new Uint8Array(256).fill(y)).bytes(new Uint8Array(64).fill(cb)).bytes(new Uint8Array(64).fill(cr));
  for (let index = 1; index < COLUMNS * ROWS; index += 1) {
    writer.unsigned(3).unsigned(0).unsigned(0); // Intra 16 × 16, both predictions DC, the same quantiser.
    // "No coefficients" is coded by how many the neighbours have: 16 in the macroblock that was written out, none elsewhere.
    if (index === 1 || index === COLUMNS) writer.bits(0b000011, 6);
    else writer.bits(1, 1);
  }
  return escaped(writer.finish());
}

/** The picture before it once more: every macroblock is skipped. `number` counts from the key picture. */
export function repeatedPicture(number: number): Buffer {
  const writer = new BitWriter().bytes([0x41]).unsigned(0).unsigned(5).unsigned(0);
  writer
    .bits(number % 2 ** FRAME_NUMBER_BITS, FRAME_NUMBER_BITS)
    .bits(0, 3)
    .unsigned(0)
    .unsigned(DEBLOCKING_OFF);
  return escaped(writer.unsigned(COLUMNS * ROWS).finish());
}

/** No three bytes may look like the start of a unit. */
function escaped(unit: Buffer): Buffer {
  const bytes: number[] = [];
  let zeros = 0;
  for (const byte of unit) {
    if (zeros === 2 && byte <= 3) {
      bytes.push(3);
      zeros = 0;
    }
    bytes.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(bytes);
}
