// 3 append · the one pipelined connection that facts are written through; comes back by itself when PostgreSQL does.
import pg from 'pg';

const RECONNECT_MIN_MS = 20;
const RECONNECT_MAX_MS = 500;
const CONNECT_TIMEOUT_MS = 3_000;
/** The server gives up before we do, so that its answer is known. */
const STATEMENT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 7_000;

/** A writer that was promised a commit must get one: whatever the database's default says, the answer waits for the disk. */
const SESSION_OPTIONS = '-c synchronous_commit=on -c default_transaction_isolation=read\\ committed -c jit=off';

export interface AppendConnectionHandlers {
  onUp: () => void;
  /** The connection was lost, or an attempt to open it failed; another attempt follows. */
  onDown: (error: Error) => void;
}

export class AppendConnection {
  private client: pg.Client | null = null;
  private isClosed = false;
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private opening: Promise<void>;

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly handlers: AppendConnectionHandlers,
  ) {
    this.opening = this.open();
  }

  get isUp(): boolean {
    return this.client !== null;
  }

  /** Only while up. The parameters may be reused as soon as it returns; `answer` is called once, also when the connection is lost. */
  query(name: string, text: string, values: unknown[], answer: (error: Error | null, rows: unknown[][]) => void): void {
    (this.client as pg.Client).query(
      { name, text, values, rowMode: 'array' },
      (error: Error | null, result?: pg.QueryArrayResult<unknown[]>) => answer(error, result?.rows ?? []),
    );
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.opening;
    const { client } = this;
    this.client = null;
    await client?.end();
  }

  private async open(): Promise<void> {
    const client = new pg.Client({
      ...this.config,
      options: [this.config.options, SESSION_OPTIONS].filter((part) => part !== undefined).join(' '),
      pipeline: true,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
    });
    const attempt = { isOver: false };
    const down = (error: Error): void => {
      if (attempt.isOver) return;
      attempt.isOver = true;
      if (this.client === client) this.client = null;
      void client.end().catch(() => undefined);
      if (this.isClosed) return;
      this.retryLater();
      this.handlers.onDown(error);
    };
    client.on('error', down);
    client.on('end', () => down(new Error('the connection ended')));
    try {
      await client.connect();
    } catch (error) {
      down(error as Error);
      return;
    }
    if (attempt.isOver) return;
    if (this.isClosed) {
      await client.end();
      return;
    }
    this.failures = 0;
    this.client = client;
    this.handlers.onUp();
  }

  private retryLater(): void {
    const delayMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** this.failures);
    this.failures += 1;
    this.timer = setTimeout(() => {
      this.opening = this.open();
    }, delayMs);
    this.timer.unref();
  }
}
