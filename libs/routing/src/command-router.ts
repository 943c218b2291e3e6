// 1 → 2 and 5 → 2 · decides where a command is decided: by the process that owns its account, or here. What the edge and the orchestrator call in place of the bus.
import type { Command } from '@nestjs/cqrs';
import { EventStoreUnavailable, internalCommandId, internalKey, SessionsOverloaded, type RequestContext } from '#libs/event-store';
import { newCommandId } from '#libs/kernel';
import { bucketOf } from './buckets.js';
import type { OwnerLink } from './owner-link.js';
import { routableOf, type AccountOfTask, type RoutableCommand } from './routable-commands.js';
import type { RoutingMetrics } from './routing.metrics.js';

export interface CommandRouterParts {
  decide: (command: Command<unknown>) => Promise<unknown>;
  /** Null where nobody else owns anything: then routing costs nothing. */
  routes: () => { linkOf(bucket: number): OwnerLink | null } | null;
  accountOfTask: AccountOfTask;
  metrics: RoutingMetrics;
  /** A command larger than this is decided here. */
  commandBytesMax: number;
}

export class CommandRouter {
  constructor(private readonly parts: CommandRouterParts) {}

  /** As CommandBus.execute. Throws what the handlers throw, wherever they ran. */
  execute<Result>(command: Command<Result>): Promise<Result> {
    const routes = this.parts.routes();
    if (routes === null) return this.parts.decide(command) as Promise<Result>;
    const routable = routableOf(command);
    if (routable === undefined) return this.parts.decide(command) as Promise<Result>;
    return this.#route(command, routable) as Promise<Result>;
  }

  /** Whether a command on the account would be sent elsewhere now: for callers that have a shorter way where it would not. */
  isElsewhere(tenant: string, accountId: string): boolean {
    const routes = this.parts.routes();
    return routes !== null && routes.linkOf(bucketOf(tenant, accountId)) !== null;
  }

  async #route(command: Command<unknown>, routable: RoutableCommand): Promise<unknown> {
    const accountId = await routable.accountOf(command, this.parts.accountOfTask);
    if (accountId === null) return this.parts.decide(command);
    const bucket = bucketOf(routable.tenantOf(command), accountId);
    // Asked again after the account was looked for: the table may have changed.
    const link = this.parts.routes()?.linkOf(bucket) ?? null;
    return link === null ? this.parts.decide(command) : this.#forward(command, routable, bucket, link);
  }

  async #forward(command: Command<unknown>, routable: RoutableCommand, bucket: number, link: OwnerLink): Promise<unknown> {
    const { decide, metrics, commandBytesMax } = this.parts;
    const context = routable.contextOf(command);
    const named = context === null ? null : nameCommand(context);
    const sent = named === null ? command : routable.withContext(command, { ...named, forwarded: 'first' });
    const text = `"type":"${routable.name}","bucket":${bucket},"fields":${JSON.stringify(routable.fieldsOf(sent))}`;
    if (text.length > commandBytesMax) return decide(command);
    const startedAtMs = performance.now();
    const outcome = await link.send(text);
    metrics.forwarded(outcome.kind, (performance.now() - startedAtMs) / 1_000);
    switch (outcome.kind) {
      case 'answered':
        return asFirst(outcome.result, named);
      case 'failed':
        throw errorOf(outcome.error, link.address);
      case 'declined':
        return decide(command);
      case 'lost':
        // Whoever else decides it, now or when it wakes up, decides the same command: the log lets one of them through.
        return asFirst(await decide(named === null ? command : routable.withContext(command, { ...named, forwarded: 'again' })), named);
    }
  }
}

/** A request without a key gets one of the deployment's own, so that its command is known again wherever it is decided. */
function nameCommand(context: RequestContext): RequestContext {
  return context.idempotencyKey === null ? { ...context, idempotencyKey: internalKey(newCommandId()) } : context;
}

/** Who sent no key asked once: that the answer was read from the log is nobody's business but ours. */
function asFirst(result: unknown, context: RequestContext | null): unknown {
  const isReplayed = (result as { replayed?: boolean } | null)?.replayed === true;
  return isReplayed && internalCommandId(context?.idempotencyKey ?? null) !== null ? { ...(result as object), replayed: false } : result;
}

/** The same faults as if they had happened here. */
function errorOf({ name, message }: { name: string; message: string }, address: string): Error {
  if (name === 'SessionsOverloaded') return new SessionsOverloaded(message);
  if (name === 'EventStoreUnavailable') return new EventStoreUnavailable(message);
  return new Error(`the owner of the account at ${address} failed: ${message}`);
}
