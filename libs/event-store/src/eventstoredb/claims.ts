// 3 append · the record of idempotency where the log has no unique index: a key is claimed before its command is written, and found again by its claim.
import type { JsonObject } from '#libs/kernel';
import { NO_STREAM } from '../event-store.port.js';
import type { DurableAppend } from './durable-append.js';
import { metadataOf, uuidOf, type EventMetadata, type ReadEvent } from './fact-events.js';
import type { Flight } from './flight.js';
import type { LogReader } from './log-reader.js';

/** What a claim says: under this key, facts are about to be written to the stream behind the revision, and nowhere else. */
interface Claim {
  stream: string;
  expectedRevision: number;
}

export interface KeyedEvent {
  event: ReadEvent;
  metadata: EventMetadata;
}

/** `taken`: the key stands on another command. `fresh`: nobody ever claimed it. `again`: claimed before, and nothing was written under it. */
export type ClaimVerdict = 'taken' | 'fresh' | 'again';

const CLAIMS_MAX = 1_000;
const SCAN_PAGE = 200;
const ATTEMPTS_MAX = 20;

export class Claims {
  /** The last command of this process under each key that runs now. */
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly durable: DurableAppend,
    private readonly reader: LogReader,
  ) {}

  /**
   * Commands of one key go one after the other. A claim names the exact revision that its command is written behind. Whoever finds one there
   * looks through that stream, up to the revision that it would itself write behind: what is not there by then can no longer come,
   * because the stream has moved on, and what comes at the same revision is one of the two.
   */
  async take(flight: Flight, digest: string): Promise<ClaimVerdict> {
    await this.inTurn(flight, digest);
    const { stream, expectedRevision } = flight.at(0);
    const own = { stream, expectedRevision };
    if (await this.write(digest, NO_STREAM, own)) return 'fresh';
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const claims = await this.of(digest);
      const found = await this.scan(digest, claims, own);
      if (found !== null) return found.event.id === flight.ids[0] ? 'again' : 'taken';
      const isNamed = claims.some((claim) => claim.stream === stream && claim.expectedRevision <= expectedRevision);
      if (isNamed || (await this.write(digest, claims.length - 1, own))) return 'again';
    }
    return 'taken';
  }

  /** The first fact that was written under the key; null where there is none. */
  async find(digest: string): Promise<KeyedEvent | null> {
    const claims = await this.of(digest);
    return claims.length === 0 ? null : this.scan(digest, claims, null);
  }

  private async inTurn(flight: Flight, digest: string): Promise<void> {
    const before = this.running.get(digest);
    const mine = new Promise<void>((resolve) => flight.whenSettled.push(resolve));
    this.running.set(digest, mine);
    void mine.then(() => {
      if (this.running.get(digest) === mine) this.running.delete(digest);
    });
    await before;
  }

  private async of(digest: string): Promise<Claim[]> {
    const events = await this.reader.forwards(claimStream(digest), 0, CLAIMS_MAX);
    return events.map(({ data }) => JSON.parse(data) as JsonObject as unknown as Claim);
  }

  /** In the order of the claims; of the stream that is about to be written, only what stands before it. */
  private async scan(digest: string, claims: readonly Claim[], until: Claim | null): Promise<KeyedEvent | null> {
    const from = new Map<string, number>();
    for (const { stream, expectedRevision } of claims) from.set(stream, Math.min(expectedRevision, from.get(stream) ?? Infinity));
    for (const [stream, revision] of from) {
      const last = until?.stream === stream ? Math.max(until.expectedRevision, revision + 1) : Infinity;
      const found = await this.scanStream(digest, stream, revision + 1, last);
      if (found !== null) return found;
    }
    return null;
  }

  private async scanStream(digest: string, stream: string, from: number, last: number): Promise<KeyedEvent | null> {
    for (let revision = from; revision <= last; revision += SCAN_PAGE) {
      const events = await this.reader.forwards(stream, revision, Math.min(SCAN_PAGE, last - revision + 1));
      for (const event of events) {
        const metadata = metadataOf(event);
        if (metadata?.key === digest) return { event, metadata };
      }
      if (events.length < SCAN_PAGE) return null;
    }
    return null;
  }

  private async write(digest: string, expectedRevision: number, claim: Claim): Promise<boolean> {
    const data = JSON.stringify(claim);
    const event = { id: uuidOf(`claim\n${digest}\n${expectedRevision}\n${data}`), type: 'KeyClaimed', data, metadata: '{}' };
    return (await this.durable.append(claimStream(digest), expectedRevision, [event])).isWritten;
  }
}

function claimStream(digest: string): string {
  return `internal-claim-${digest}`;
}
