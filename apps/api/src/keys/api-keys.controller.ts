// 1 HTTP in · API keys: made, listed and revoked by administrators; a key's text is answered once and kept nowhere.
import { Body, Controller, Delete, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invariant } from '#libs/kernel';
import {
  KEY_CONFLICT,
  NO_STREAM,
  requestClaimed,
  tenantStream,
  type EventStore,
  type Executed,
  type KeyedCommands,
  type WriteResult,
} from '#libs/event-store';
import { EVENT_STORE, KEYED_COMMANDS } from '#libs/platform';
import { contextOf, idInPath } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { notePosition, Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { pageOf } from '../validation/queries.js';
import { DEPLOYMENT_TENANT, hashOf, newToken, type ApiKey, type Scope } from './api-key.js';
import { readKeyCursor, writeKeyCursor } from './api-key.cursor.js';
import { ApiKeysQueryDto, CreateApiKeyDto } from './api-keys.dto.js';
import type { KeyRow } from './api-keys.postgres.js';
import { ApiKeys } from './api-keys.service.js';

interface ApiKeyView {
  id: string;
  name: string;
  scopes: Scope[];
  accounts: string[] | null;
  tenant: string;
  createdAt: string;
}
type CreatedKeyView = ApiKeyView & { /** Null in a replay. */ key: string | null; position: string };

@Controller('v1/api-keys')
export class ApiKeysController {
  constructor(
    @Inject(ApiKeys) private readonly keys: ApiKeys,
    @Inject(Writes) private readonly writes: Writes,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KEYED_COMMANDS) private readonly keyed: KeyedCommands,
  ) {}

  @Post()
  @Endpoint({
    id: 'createApiKey',
    tag: 'API keys',
    summary: 'Make a key; its text is shown in this answer only.',
    description:
      'A replay under the same Idempotency-Key answers `key: null`. `tenant` may be set by the deployment’s administrator; a tenant begins with its first key.',
    scope: 'admin',
    body: CreateApiKeyDto,
    answer: { status: 201, schema: 'CreatedApiKey' },
    example: { name: 'web backend', scopes: ['tasks:write', 'tasks:read', 'balances:read'] },
  })
  async create(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(CreateApiKeyDto)) input: CreateApiKeyDto,
  ): Promise<void> {
    const caller = keyOf(request);
    const tenant = input.tenant ?? caller.tenant;
    refuseReach(caller, tenant, input.accounts ?? null);
    const context = contextOf(request);
    const make = (commandId: string): Promise<CreatedKeyView> => this.#make(commandId, { input, tenant }, caller);
    const result = await this.keyed.run<CreatedKeyView>(context, {
      // A key is a row and no fact. The log keeps the request first, so that of many at once one alone makes the key and shows it.
      execute: async ({ meta }): Promise<Executed<CreatedKeyView>> => {
        if (meta.keyDigest !== undefined) {
          const claim = requestClaimed({ path: context.path, requestHash: meta.requestHash as string });
          const appended = await this.store.append({
            meta,
            appends: [{ stream: tenantStream('request', caller.tenant, meta.commandId), expectedRevision: NO_STREAM, facts: [claim] }],
          });
          if (!appended.ok) return KEY_CONFLICT;
        }
        return created(await make(meta.commandId));
      },
      // A crash between claim and row leaves a key that nobody was shown: it is made now.
      replay: async (recorded) => created(await make((recorded.facts[0] as { id: string }).id.slice('evt_'.length, -4))),
    });
    this.writes.send(request, reply, result, 201);
  }

  /** The text is shown by whoever made the row. */
  async #make(commandId: string, { input, tenant }: { input: CreateApiKeyDto; tenant: string }, caller: ApiKey): Promise<CreatedKeyView> {
    const token = newToken();
    const id = `key_${commandId}`;
    const { name, scopes, accounts = null } = input;
    const made = await this.keys.table.insert({
      id,
      tenant,
      name,
      hash: hashOf(token),
      scopes,
      accounts,
      origin: 'api',
      createdBy: caller.id,
    });
    const row = made ?? (await this.keys.table.find(id));
    invariant(row !== null, () => `the API key ${id} is gone`);
    await this.keys.refresh();
    return { ...viewOf(row), key: made === null ? null : token, position: await this.store.head() };
  }

  @Get()
  @Endpoint({
    id: 'listApiKeys',
    tag: 'API keys',
    summary: 'The keys in force, oldest first, without their text.',
    scope: 'admin',
    query: ApiKeysQueryDto,
    answer: { status: 200, schema: 'ApiKeyList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ApiKeysQueryDto)) query: ApiKeysQueryDto,
  ): Promise<void> {
    const tenant = reachedTenant(keyOf(request), query.tenant);
    const { limit, cursor } = pageOf(query);
    const rows = await this.keys.table.list(tenant, cursor === null ? null : readKeyCursor(cursor), limit + 1);
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    void reply.send({
      data: shown.map(viewOf),
      nextCursor: rows.length > limit && last ? writeKeyCursor({ createdAt: last.created_exactly, id: last.id }) : null,
    });
  }

  @Delete(':id')
  @Endpoint({
    id: 'revokeApiKey',
    tag: 'API keys',
    summary: 'Revoke a key; every process refuses it within two seconds.',
    scope: 'admin',
    query: ApiKeysQueryDto,
    answer: { status: 204, schema: null },
  })
  async revoke(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ApiKeysQueryDto)) query: ApiKeysQueryDto,
  ): Promise<void> {
    const id = idInPath(request, 'id', 'key');
    if (!(await this.keys.table.revoke(reachedTenant(keyOf(request), query.tenant), id))) throw notFound('API key');
    await this.keys.refresh();
    notePosition(request, reply, await this.store.head());
    void reply.code(204).send();
  }
}

/** Nobody hands out more than is theirs. */
function refuseReach(caller: ApiKey, tenant: string, accounts: readonly string[] | null): void {
  if (tenant !== caller.tenant && caller.tenant !== DEPLOYMENT_TENANT)
    throw new ApiProblem('forbidden', "Only the deployment's administrator makes keys for another tenant.");
  if (caller.accounts === null) return;
  const own = new Set(caller.accounts);
  if (tenant !== caller.tenant || accounts === null || !accounts.every((account) => own.has(account))) {
    throw new ApiProblem('forbidden', 'A key that is bound to accounts makes only keys that are bound to some of these.');
  }
}

function reachedTenant(caller: ApiKey, asked: string | undefined): string {
  if (asked === undefined || asked === caller.tenant) return caller.tenant;
  if (caller.tenant !== DEPLOYMENT_TENANT || caller.accounts !== null)
    throw new ApiProblem('forbidden', "Only the deployment's administrator sees another tenant's keys.");
  return asked;
}

function created(view: CreatedKeyView): WriteResult<CreatedKeyView> {
  return { ok: true, view, position: view.position, replayed: false };
}

function viewOf(row: KeyRow): ApiKeyView {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    accounts: row.accounts,
    tenant: row.tenant,
    createdAt: row.created_at.toISOString(),
  };
}
