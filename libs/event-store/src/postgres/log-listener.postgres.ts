// 3 → 4, 5, 6 · learns of facts that other processes wrote: a notification per group, and a slow look at the head as a net.
import pg from 'pg';
import type { Position } from '../event-store.port.js';
import { toPosition } from '../position.js';

/** As in `log_advance` of 0002_event_store.sql. */
const CHANNEL = 'rollcredits_log';
const POLL_MS = 1_000;
const RECONNECT_MS = 250;

export class LogListener {
  private client: pg.Client | null = null;
  private isClosed = false;
  private pollTimer: NodeJS.Timeout | undefined;
  private reconnectTimer: NodeJS.Timeout | undefined;
  private work: Promise<void>;

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly head: () => Promise<Position>,
    private readonly onHead: (head: Position) => void,
  ) {
    this.work = this.listen();
    this.poll();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.pollTimer);
    clearTimeout(this.reconnectTimer);
    await this.work;
    const { client } = this;
    this.client = null;
    await client?.end().catch(() => undefined);
  }

  private async listen(): Promise<void> {
    const client = new pg.Client({ ...this.config, keepAlive: true, connectionTimeoutMillis: 3_000 });
    let isOver = false;
    const down = (): void => {
      if (isOver) return;
      isOver = true;
      if (this.client === client) this.client = null;
      void client.end().catch(() => undefined);
      if (this.isClosed) return;
      this.reconnectTimer = setTimeout(() => {
        this.work = this.listen();
      }, RECONNECT_MS);
      this.reconnectTimer.unref();
    };
    client.on('error', down);
    client.on('end', down);
    client.on('notification', ({ payload }) => this.onHead(toPosition(payload as string)));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      if (this.isClosed) {
        await client.end();
        return;
      }
      this.client = client;
      // What was written while nobody listened.
      this.onHead(await this.head());
    } catch {
      down();
    }
  }

  private poll(): void {
    this.pollTimer = setTimeout(() => {
      void this.head()
        .then(this.onHead, () => undefined)
        .then(() => {
          if (!this.isClosed) this.poll();
        });
    }, POLL_MS);
    this.pollTimer.unref();
  }
}
