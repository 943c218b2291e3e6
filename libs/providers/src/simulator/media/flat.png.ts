// Makes the simulator's picture: a plane of one colour as PNG.
import { crc32, deflateSync } from 'node:zlib';
import { HEIGHT, WIDTH, type Colour } from './flat.video.js';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Eight bits a sample, red, green and blue, no interlacing. */
const FORMAT = [8, 2, 0, 0, 0];

export function flatPng(colour: Colour): Buffer {
  const header = Buffer.alloc(8 + FORMAT.length);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header.set(FORMAT, 8);
  // Every line begins with its filter: none.
  const line = Buffer.concat([Buffer.alloc(1), Buffer.alloc(WIDTH * 3, Buffer.from(redGreenBlue(colour)))]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: HEIGHT }, () => line)), { level: 9 });
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, content: Buffer): Buffer {
  const bytes = Buffer.alloc(content.length + 12);
  bytes.writeUInt32BE(content.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(content, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, content.length + 8)), content.length + 8);
  return bytes;
}

/** As BT.601 has it, so that a task's picture has the colour of its video. */
function redGreenBlue({ y, cb, cr }: Colour): [number, number, number] {
  const [luma, blue, red] = [1.164 * (y - 16), cb - 128, cr - 128];
  const sample = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));
  return [sample(luma + 1.596 * red), sample(luma - 0.392 * blue - 0.813 * red), sample(luma + 2.017 * blue)];
}
