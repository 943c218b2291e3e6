// 3 append · remembers when each stream's last fact was recorded, so that instants never decrease within a stream.
import { LRUCache } from 'lru-cache';
import type { InstantMs } from '#libs/kernel';
import { metadataOf } from './fact-events.js';
import type { LogReader } from './log-reader.js';

const STREAMS_MAX = 50_000;

export class RecordedInstants {
  private readonly known = new LRUCache<string, InstantMs>({ max: STREAMS_MAX });

  constructor(private readonly reader: LogReader) {}

  note(stream: string, recordedAt: InstantMs): void {
    if ((this.known.get(stream) ?? 0) < recordedAt) this.known.set(stream, recordedAt);
  }

  /** The instant that the next fact of the stream may not be before; without a look at the log for a stream that is new or was just read. */
  async of(stream: string, expectedRevision: number): Promise<InstantMs> {
    if (expectedRevision < 0) return 0;
    const known = this.known.get(stream);
    if (known !== undefined) return known;
    const [event] = await this.reader.forwards(stream, expectedRevision, 1);
    const metadata = event === undefined ? null : metadataOf(event);
    const recordedAt = metadata === null ? 0 : Number(metadata.recordedAt);
    this.note(stream, recordedAt);
    return recordedAt;
  }
}
