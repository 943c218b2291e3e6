// For specs: processes of one deployment that route to each other over real sockets and a real database; what they decide is the spec's own.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Command } from '@nestjs/cqrs';
import type pg from 'pg';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { RequestContext } from '#libs/event-store';
import { GrantCredits } from '#libs/ledger';
import { DeploymentSecret, LeasedShares } from '#libs/platform';
import { until } from '../../../../test/support/until.js';
import { ACCOUNTS_GROUP, AccountRouting, type RoutingMode } from '../account-routing.js';
import { BUCKETS, bucketOf } from '../buckets.js';
import type { LinkLimits } from '../owner-link.js';

export const SECRET = new DeploymentSecret(Buffer.alloc(32, 7));
export const RELEASE = 'test/1';

/** Nobody loses anything to a machine that is busy elsewhere: a spec about an owner that is silent says how long it waits for one. */
const TTL_MS = 20_000;
const SILENCE_MS = 60_000;

export interface MemberOptions {
  decide?: (command: Command<unknown>) => Promise<unknown>;
  mode?: RoutingMode;
  version?: string;
  secret?: DeploymentSecret;
  limits?: Partial<LinkLimits>;
  clockOffsetMs?: number;
  catalogueAt?: string;
  batchBodyBytesMax?: number;
}

export interface Member {
  routing: AccountRouting;
  registry: Registry;
  /** Everything that was decided here, in order. */
  decided: Array<Command<unknown>>;
  /** What it learnt from others before it decided. */
  learnt: { clockOffsetMs: number; refreshes: number };
  execute: AccountRouting['router']['execute'];
}

export class Members {
  readonly #all: Member[] = [];
  readonly #ghosts: Ghost[] = [];

  constructor(private readonly pool: pg.Pool) {}

  async start(options: MemberOptions = {}): Promise<Member> {
    const registry = new Registry();
    const decided: Array<Command<unknown>> = [];
    const learnt = { clockOffsetMs: options.clockOffsetMs ?? 0, refreshes: 0 };
    const decide = options.decide ?? answerPlainly;
    const routing = new AccountRouting({
      mode: options.mode ?? 'own',
      config: {
        internalHost: '127.0.0.1',
        internalPort: 0,
        internalAddress: null,
        batchBodyBytesMax: options.batchBodyBytesMax ?? 1_048_576,
      },
      version: options.version ?? RELEASE,
      pool: this.pool,
      secret: options.secret ?? SECRET,
      decide: (command) => {
        decided.push(command);
        return decide(command);
      },
      accountOfTask: (_tenant, taskId) => Promise.resolve(taskId.startsWith('task_') ? taskId.slice(5) : null),
      clock: {
        get offsetMs() {
          return learnt.clockOffsetMs;
        },
        learn: (offsetMs) => (learnt.clockOffsetMs = Math.max(learnt.clockOffsetMs, offsetMs)),
      },
      catalogue: {
        changedAt: () => options.catalogueAt ?? '0000000000000001',
        waitFor: () => Promise.resolve(false),
        refresh: () => {
          learnt.refreshes += 1;
          return Promise.resolve();
        },
      },
      logger: pino({ level: 'silent' }),
      registry,
      ttlMs: TTL_MS,
      limits: { silenceMs: SILENCE_MS, retryMs: 20, retryMsMax: 100, ...options.limits },
    });
    const member: Member = { routing, registry, decided, learnt, execute: (command) => routing.router.execute(command) };
    this.#all.push(member);
    await routing.join();
    return member;
  }

  /** An owner of every bucket that nobody else holds, which speaks as the spec wants: `talk` gets each connection. */
  async ghost(talk: (socket: Socket) => void, options: { version?: string } = {}): Promise<Ghost> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      talk(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const boot = '00000000-0000-4000-8000-000000000000';
    const shares = new LeasedShares(this.pool, {
      group: ACCOUNTS_GROUP,
      count: BUCKETS,
      ttlMs: TTL_MS,
      detail: { address, boot, version: options.version ?? RELEASE },
    });
    await shares.start();
    const ghost = { server, shares, address, boot };
    this.#ghosts.push(ghost);
    return ghost;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.splice(0).map(({ routing }) => routing.close()));
    for (const { server, shares } of this.#ghosts.splice(0)) {
      await shares.stop();
      server.close();
    }
    // A process gives its hand-over only so much time; the next test begins when nobody is there any more.
    await until(async () => {
      const { rowCount } = await this.pool.query('SELECT 1 FROM leases WHERE starts_with(name, $1) AND expires_at > clock_timestamp()', [
        ACCOUNTS_GROUP,
      ]);
      return rowCount === 0;
    });
  }
}

export interface Ghost {
  server: Server;
  shares: LeasedShares;
  address: string;
  boot: string;
}

export function answerPlainly(command: Command<unknown>): Promise<unknown> {
  return Promise.resolve({ ok: true, view: { decided: command.constructor.name }, position: '0000000000000009', replayed: false });
}

export function request(overrides: Partial<RequestContext> = {}): RequestContext {
  return {
    tenant: 'acme',
    actor: 'key_1',
    correlationId: 'req_1',
    causationId: null,
    method: 'POST',
    path: '/v1/grants',
    body: { credits: 5 },
    idempotencyKey: null,
    accounts: null,
    ...overrides,
  };
}

/** A command on an account whose bucket is such as the spec needs. */
export function grantWhere(isSuch: (bucket: number) => boolean, overrides: Partial<RequestContext> = {}): GrantCredits {
  const accountId = accountWhere(isSuch);
  return new GrantCredits(request(overrides), accountId, { bucket: 'purchased', credits: 5 });
}

export function accountWhere(isSuch: (bucket: number) => boolean): string {
  for (let n = 0; n < 10_000; n += 1) if (isSuch(bucketOf('acme', `acc-${n}`))) return `acc-${n}`;
  throw new Error('no account has such a bucket');
}
