// Measures how long an asset lasts and how large its picture is, with the ffprobe of this machine where there is one.
import { execFile } from 'node:child_process';
import { formatDecimal, parseDecimal } from '#libs/kernel';

export interface Measures {
  durationSeconds: string | null;
  width: number | null;
  height: number | null;
}

export const UNMEASURED: Measures = Object.freeze({ durationSeconds: null, width: null, height: null });

const TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 1_048_576;
const AT_ONCE_MAX = 2;
/** Where it was not found, it is looked for again after this. */
const ABSENT_MS = 60_000;
/** Only formats whose files refer to no others, and only the file itself: an asset is what somebody else wrote. */
const FORMATS = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,wav,mp3,aac,ogg,flac,gif,apng,png_pipe,jpeg_pipe,webp_pipe,image2';
const ARGUMENTS = ['-v', 'error', '-protocol_whitelist', 'file', '-format_whitelist', FORMATS, '-of', 'json'];
const ENTRIES = ['-show_entries', 'format=duration:stream=codec_type,width,height:stream_disposition=attached_pic'];

export class MediaProbe {
  #absentUntil = 0;
  #running = 0;
  readonly #waiting: Array<() => void> = [];

  constructor(private readonly program = 'ffprobe') {}

  /** Of pictures, sound and video; everything else, and whatever cannot be measured, has no measures. */
  async measure(path: string, mediaType: string, signal?: AbortSignal): Promise<Measures> {
    if (!/^(video|audio|image)\//.test(mediaType) || Date.now() < this.#absentUntil) return UNMEASURED;
    await this.#enter();
    try {
      const text = await this.#run(path, signal);
      return text === null ? UNMEASURED : measuresOf(text, mediaType);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #enter(): Promise<void> {
    while (this.#running >= AT_ONCE_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
  }

  #run(path: string, signal: AbortSignal | undefined): Promise<string | null> {
    return new Promise((resolve) => {
      const options = {
        timeout: TIMEOUT_MS,
        killSignal: 'SIGKILL' as const,
        maxBuffer: ANSWER_BYTES_MAX,
        env: { PATH: process.env['PATH'], LC_ALL: 'C' },
        ...(signal !== undefined && { signal }),
      };
      execFile(this.program, [...ARGUMENTS, ...ENTRIES, '-i', `file:${path}`], options, (error, stdout) => {
        if ((error as NodeJS.ErrnoException | null)?.code === 'ENOENT') this.#absentUntil = Date.now() + ABSENT_MS;
        resolve(error === null ? stdout : null);
      });
    });
  }
}

interface Answer {
  format?: { duration?: string };
  streams?: Array<{ codec_type?: string; width?: number; height?: number; disposition?: { attached_pic?: number } }>;
}

function measuresOf(text: string, mediaType: string): Measures {
  const { format, streams = [] } = JSON.parse(text) as Answer;
  const seconds = mediaType.startsWith('image/') ? null : parseDecimal(format?.duration ?? '');
  const isAudio = mediaType.startsWith('audio/');
  // The cover of an album is no video.
  const picture = isAudio ? undefined : streams.find((stream) => stream.codec_type === 'video' && stream.disposition?.attached_pic !== 1);
  return {
    durationSeconds: seconds === null ? null : formatDecimal(seconds),
    width: pixels(picture?.width),
    height: pixels(picture?.height),
  };
}

function pixels(value: number | undefined): number | null {
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : null;
}
