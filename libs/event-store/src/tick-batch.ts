// Turns the single look-ups of one turn of the event loop into one query; called by sessions, idempotency and sealing.

interface Waiting<Value> {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
}

/**
 * `get` answers what `fetch` finds for the key, or what `missing` says. A key asked for twice in one turn is fetched once. A fetch takes at most
 * `sizeMax` keys; its failure is every caller's.
 */
export class TickBatch<Key, Value> {
  private waiting = new Map<Key, Waiting<Value>>();

  constructor(
    private readonly fetch: (keys: Key[]) => Promise<Map<Key, Value>>,
    private readonly missing: (key: Key) => Value,
    private readonly sizeMax = 500,
  ) {}

  get(key: Key): Promise<Value> {
    const known = this.waiting.get(key);
    if (known !== undefined) return known.promise;
    if (this.waiting.size === 0) setImmediate(() => this.flush());
    const { promise, resolve, reject } = deferred<Value>();
    this.waiting.set(key, { promise, resolve, reject });
    return promise;
  }

  private flush(): void {
    const entries = [...this.waiting];
    this.waiting = new Map();
    for (let start = 0; start < entries.length; start += this.sizeMax) void this.run(entries.slice(start, start + this.sizeMax));
  }

  private async run(entries: Array<[Key, Waiting<Value>]>): Promise<void> {
    try {
      const found = await this.fetch(entries.map(([key]) => key));
      for (const [key, { resolve }] of entries) resolve(found.has(key) ? (found.get(key) as Value) : this.missing(key));
    } catch (error) {
      for (const [, { reject }] of entries) reject(error);
    }
  }
}

function deferred<Value>(): Waiting<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
