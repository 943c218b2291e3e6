// Makes the simulator's sound: a quiet square wave as PCM in a WAV file.

/** Few, yet browsers play them, and a duration in milliseconds is a whole number of them. */
export const SAMPLES_PER_SECOND = 4_000;
const [LOW, HIGH] = [0x78, 0x88];

/** Both in samples. */
export function toneWav(halfPeriod: number, count: number): Buffer {
  const padded = count + (count % 2);
  const bytes = Buffer.alloc(44 + padded);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + padded, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20); // PCM.
  bytes.writeUInt16LE(1, 22); // One channel.
  bytes.writeUInt32LE(SAMPLES_PER_SECOND, 24);
  bytes.writeUInt32LE(SAMPLES_PER_SECOND, 28);
  bytes.writeUInt16LE(1, 32);
  bytes.writeUInt16LE(8, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(count, 40);
  const period = Buffer.concat([Buffer.alloc(halfPeriod, HIGH), Buffer.alloc(halfPeriod, LOW)]);
  bytes.fill(period, 44, 44 + count);
  return bytes;
}
