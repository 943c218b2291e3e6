// One process's part in routing: whether it owns accounts, where the owners of all others are, and the way to each; put together by RoutingModule.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from '@nestjs/cqrs';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { LeasedShares, ShareDirectory, type Config, type DeploymentSecret, type PartHealth } from '#libs/platform';
import { BUCKETS } from './buckets.js';
import { CommandRouter } from './command-router.js';
import { InternalServer } from './internal-server.js';
import { LINK_LIMITS, OwnerLink, type LinkLimits } from './owner-link.js';
import type { AccountOfTask } from './routable-commands.js';
import { RoutingMetrics } from './routing.metrics.js';

/** `own`: decides for the deployment, and is reached by the others. `forward`: only sends to owners. `local`: decides what it is given by itself. */
export type RoutingMode = 'own' | 'forward' | 'local';

export const ACCOUNTS_GROUP = 'accounts';

export interface AccountRoutingParts {
  mode: RoutingMode;
  config: Pick<Config, 'internalHost' | 'internalPort' | 'internalAddress' | 'batchBodyBytesMax'>;
  /** Processes of another release are not sent to. */
  version: string;
  pool: pg.Pool;
  secret: DeploymentSecret;
  decide: (command: Command<unknown>) => Promise<unknown>;
  accountOfTask: AccountOfTask;
  clock: { readonly offsetMs: number; learn(offsetMs: number): void };
  catalogue: { changedAt(): string; waitFor(position: string, timeoutMs: number): Promise<boolean>; refresh(): Promise<void> };
  logger: Logger;
  registry: Registry;
  ttlMs?: number;
  limits?: Partial<LinkLimits>;
}

/** What an owner says of itself with its leases. */
interface OwnerDetail {
  address: string;
  boot: string;
  version: string;
}

const CATALOGUE_WAIT_MS = 250;
const HAND_OVER_MS_MAX = 2_000;

export class AccountRouting {
  readonly router: CommandRouter;
  readonly #metrics: RoutingMetrics;
  readonly #boot = randomUUID();
  /** By owner. */
  readonly #links = new Map<string, OwnerLink>();
  #shares: LeasedShares | null = null;
  #directory: ShareDirectory | null = null;
  #server: InternalServer | null = null;
  #routes: { linkOf(bucket: number): OwnerLink | null } | null = null;
  #isClosed = false;

  constructor(private readonly parts: AccountRoutingParts) {
    this.#metrics = new RoutingMetrics(parts.registry, () => this.#shares?.held ?? 0);
    this.router = new CommandRouter({
      decide: parts.decide,
      routes: () => this.#routes,
      accountOfTask: parts.accountOfTask,
      metrics: this.#metrics,
      commandBytesMax: this.#bodyBytesMax / 2,
    });
  }

  get owned(): number {
    return this.#shares?.held ?? 0;
  }

  /** Where other processes reach this one; null where they do not. */
  address: string | null = null;

  owns(bucket: number): boolean {
    return this.#shares?.owns(bucket) ?? false;
  }

  /** The address that a command on the bucket would be sent to; null where it would be decided here. */
  addressOf(bucket: number): string | null {
    return this.#routes?.linkOf(bucket)?.address ?? null;
  }

  /** Takes part from now on; called when the process can decide. */
  async join(): Promise<void> {
    const { mode, pool } = this.parts;
    if (mode === 'local' || this.#directory !== null) return;
    const onError = (error: Error): void =>
      this.parts.logger.warn({ err: error }, 'the owners of accounts could not be read; it is tried again');
    if (mode === 'forward') {
      this.#directory = new ShareDirectory(pool, { group: ACCOUNTS_GROUP, onError });
      this.#directory.onLooked(() => this.#learn());
      return this.#directory.start();
    }
    await this.#listen();
    const detail: OwnerDetail = { address: this.address as string, boot: this.#boot, version: this.parts.version };
    this.#shares = new LeasedShares(pool, {
      group: ACCOUNTS_GROUP,
      count: BUCKETS,
      detail: { ...detail },
      onError,
      ttlMs: this.parts.ttlMs,
    });
    this.#directory = this.#shares.directory;
    this.#directory.onLooked(() => this.#learn());
    await this.#shares.start();
  }

  /** Hands its accounts to the others; goes on answering what they sent before they knew. A database that is away is not waited for: leases run out. */
  async handOver(): Promise<void> {
    if (this.#shares === null) return;
    const limit = new AbortController();
    await Promise.race([
      this.#shares.stop(),
      delay(HAND_OVER_MS_MAX, undefined, { signal: limit.signal, ref: false }).catch(() => undefined),
    ]);
    limit.abort();
  }

  /** After handOver: ends when what was sent here is answered. Commands are decided here from now on. */
  async close(): Promise<void> {
    await this.handOver();
    if (this.#shares === null) await this.#directory?.stop();
    this.#isClosed = true;
    this.#routes = null;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    await this.#server?.close();
    this.#server = null;
  }

  health(): PartHealth {
    const { forwardedTotal, fallenBackTotal, receivedTotal } = this.#metrics;
    const owners = new Set([...(this.#directory?.owners().values() ?? [])].map(({ owner }) => owner)).size;
    const silent = [...this.#links.values()].filter((link) => !link.isUsable).map(({ address }) => address);
    return {
      status: silent.length === 0 ? 'ok' : 'degraded',
      ...(silent.length === 0 ? {} : { detail: `no answer from ${silent.join(', ')}: commands on its accounts are decided here` }),
      owned: this.owned,
      owners,
      forwarded: forwardedTotal,
      fallenBack: fallenBackTotal,
      received: receivedTotal,
    };
  }

  get #bodyBytesMax(): number {
    // A command holds its request's body twice, as it was sent and as it was understood.
    return 3 * this.parts.config.batchBodyBytesMax + 1_048_576;
  }

  async #listen(): Promise<void> {
    const { config, clock, catalogue, logger, secret, decide, version } = this.parts;
    this.#server = new InternalServer({
      host: config.internalHost,
      port: config.internalPort,
      boot: this.#boot,
      version,
      secret,
      owns: (bucket) => this.owns(bucket),
      // Straight to the handlers: what was sent here is never sent on.
      decide,
      catchUp: async ({ clockOffsetMs, catalogueAt }) => {
        clock.learn(clockOffsetMs);
        if (catalogue.changedAt() >= catalogueAt || (await catalogue.waitFor(catalogueAt, CATALOGUE_WAIT_MS))) return;
        await catalogue.refresh();
      },
      metrics: this.#metrics,
      logger,
      bodyBytesMax: this.#bodyBytesMax,
    });
    const port = await this.#server.listen();
    this.address = `http://${hostOf(config)}:${port}`;
  }

  /** After every look at the owners: a way to each that is new, none to those that are gone. */
  #learn(): void {
    // A hand-over that the database holds up goes on looking after the time that it was given.
    if (this.#isClosed) return;
    const directory = this.#directory as ShareDirectory;
    const known = new Map<string, OwnerDetail>();
    for (const { owner, detail } of directory.owners().values()) {
      if (owner === this.#shares?.owner || detail['version'] !== this.parts.version) continue;
      known.set(owner, detail as unknown as OwnerDetail);
    }
    for (const [owner, link] of this.#links) {
      if (known.has(owner)) continue;
      this.#links.delete(owner);
      link.close();
    }
    for (const [owner, { address, boot }] of known) {
      if (!this.#links.has(owner)) this.#links.set(owner, this.#linkTo(address, boot));
    }
    this.#routes = this.#links.size === 0 ? null : { linkOf: (bucket) => this.#linkOf(directory, bucket) };
  }

  #linkOf(directory: ShareDirectory, bucket: number): OwnerLink | null {
    if (this.#shares?.owns(bucket) === true) return null;
    const owner = directory.ownerOf(bucket);
    const link = owner === null ? undefined : this.#links.get(owner.owner);
    return link?.isUsable === true ? link : null;
  }

  #linkTo(address: string, boot: string): OwnerLink {
    const { version, clock, catalogue, secret, logger, limits } = this.parts;
    return new OwnerLink(address, boot, {
      sender: this.#boot,
      secret,
      metrics: this.#metrics,
      envelope: () => ({ version, clockOffsetMs: clock.offsetMs, catalogueAt: catalogue.changedAt() }),
      limits: { ...LINK_LIMITS, ...limits },
      onTrouble: (where, why) =>
        logger.warn({ address: where, why }, 'the owner of accounts does not answer; their commands are decided here'),
    });
  }
}

function hostOf({ internalAddress, internalHost }: AccountRoutingParts['config']): string {
  const isEveryInterface = internalHost === '0.0.0.0' || internalHost === '::';
  const host = internalAddress ?? (isEveryInterface ? hostname() : internalHost);
  return host.includes(':') ? `[${host}]` : host;
}
