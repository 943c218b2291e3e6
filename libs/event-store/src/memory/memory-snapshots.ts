// Snapshots in memory, for unit tests and the simulation.
import { isWithin, type Snapshot, type Snapshots, type Until } from '../sessions/snapshots.port.js';

export class MemorySnapshots implements Snapshots {
  /** By revision, ascending. */
  private readonly byStream = new Map<string, Snapshot[]>();

  async latest(streams: readonly string[], version: number): Promise<Map<string, Snapshot>> {
    const found = new Map<string, Snapshot>();
    for (const stream of streams) {
      const snapshot = await this.before(stream, version, { revision: Infinity });
      if (snapshot !== null) found.set(stream, snapshot);
    }
    return found;
  }

  before(stream: string, version: number, until: Until): Promise<Snapshot | null> {
    const all = this.byStream.get(stream) ?? [];
    return Promise.resolve(all.findLast((snapshot) => snapshot.version === version && isWithin(snapshot, until)) ?? null);
  }

  save(snapshot: Snapshot): Promise<void> {
    const all = this.byStream.get(snapshot.stream) ?? [];
    if (!all.some(({ version, revision }) => version === snapshot.version && revision === snapshot.revision)) {
      all.push({ ...snapshot });
      all.sort((a, b) => a.revision - b.revision);
      this.byStream.set(snapshot.stream, all);
    }
    return Promise.resolve();
  }
}
