// The studio of one process on a log in memory, with the real bus, sessions and idempotency; several of them on one log are several processes.
import { Global, Module } from '@nestjs/common';
import { CommandBus, CqrsModule, type Command } from '@nestjs/cqrs';
import { Test, type TestingModule } from '@nestjs/testing';
import { newCommandId, type Clock, type JsonObject } from '#libs/kernel';
import {
  CachedCustomerKeys,
  LogKeyedCommands,
  MemoryEventStore,
  MemoryKeyVault,
  MemoryLog,
  MemorySnapshots,
  NO_STREAM,
  processMeta,
  tenantStream,
  type EventStore,
  type RequestContext,
  type WriteResult,
} from '#libs/event-store';
import { CLOCK, CONFIG, CUSTOMER_KEYS, EVENT_STORE, KEYED_COMMANDS, LOGGER, SNAPSHOTS, TASK_BRIEFS } from '#libs/platform';
import type { BriefInput } from '../studio.messages.js';
import { StudioModule } from '../studio.module.js';
import type { TaskBriefs } from '../task-briefs.port.js';
import { PromptRendering } from '../prompt-rendering.js';

export const START = '2026-11-21T10:00:00.000Z';
export const TENANT = 'default';

export class StudioWorld {
  now = Date.parse(START);
  readonly clock: Clock = { now: () => this.now };
  readonly store: EventStore;
  readonly keys: CachedCustomerKeys;
  readonly warnings: unknown[] = [];
  readonly snapshots = new MemorySnapshots();
  private app!: TestingModule;

  /** Beside another process: on its log and keys. */
  constructor(
    readonly log: MemoryLog = new MemoryLog(),
    readonly vault: MemoryKeyVault = new MemoryKeyVault(),
    store?: EventStore,
  ) {
    this.store = store ?? new MemoryEventStore(this.clock, log);
    this.keys = new CachedCustomerKeys(vault, { refreshAfterMs: 0, staleAfterMs: 0 });
  }

  async start(): Promise<this> {
    const values: Array<[symbol, unknown]> = [
      [CONFIG, { sessionsMax: 100, snapshotEveryFacts: 5 }],
      [SNAPSHOTS, this.snapshots],
      [CLOCK, this.clock],
      [EVENT_STORE, this.store],
      [CUSTOMER_KEYS, this.keys],
      [KEYED_COMMANDS, new LogKeyedCommands(this.store, this.keys)],
      [LOGGER, { warn: (warning: unknown) => this.warnings.push(warning) }],
    ];
    class Ground {}
    const ground = {
      module: Ground,
      global: true,
      providers: values.map(([provide, useValue]) => ({ provide, useValue })),
      exports: values.map(([token]) => token),
    };
    Global()(Ground);
    Module({})(Ground);
    this.app = await Test.createTestingModule({ imports: [CqrsModule.forRoot(), ground, StudioModule] }).compile();
    await this.app.init();
    return this;
  }

  async stop(): Promise<void> {
    await this.app.close();
  }

  do<View>(command: Command<WriteResult<View>>): Promise<WriteResult<View>> {
    return this.app.get(CommandBus).execute(command);
  }

  /** Throws where it is refused. */
  async done<View>(command: Command<WriteResult<View>>): Promise<View> {
    const result = await this.do(command);
    if (!result.ok) throw new Error(`${result.code}: ${result.detail} ${JSON.stringify(result.fields)}`);
    return result.view;
  }

  get briefs(): TaskBriefs {
    return this.app.get<TaskBriefs>(TASK_BRIEFS);
  }

  get rendering(): PromptRendering {
    return this.app.get(PromptRendering);
  }

  context(changes: Partial<RequestContext> = {}): RequestContext {
    return {
      tenant: TENANT,
      actor: 'key_ana',
      correlationId: `req_${newCommandId()}`,
      causationId: null,
      method: 'POST',
      path: '/v1/somewhere',
      body: {},
      idempotencyKey: null,
      accounts: null,
      ...changes,
    };
  }

  /** As the ledger opens one, as far as the studio looks. */
  openAccount(accountId: string): Promise<void> {
    return this.write(tenantStream('account', TENANT, accountId), 'AccountOpened', { accountId });
  }

  /** The first fact of a task's stream. */
  async write(stream: string, type: string, data: JsonObject): Promise<void> {
    const meta = processMeta(TENANT, 'test', null);
    const appended = await this.store.append({
      meta,
      appends: [{ stream, expectedRevision: NO_STREAM, facts: [{ type, schemaVersion: 1, data }] }],
    });
    if (!appended.ok) throw new Error(`${stream} is there already`);
  }
}

/** The brief of the article. */
export const BRIEF: BriefInput = {
  channel: 'instagram_reel',
  format: 'social_broll',
  durationSeconds: 6,
  goal: 'support a post about summer product launch',
  mustInclude: ['bright kitchen', 'morning light', 'refreshing mood'],
  mustAvoid: ['visible logos', 'people drinking alcohol', 'incorrect product packaging'],
  riskLevel: 'low',
  consistencyRequirement: 'low',
};

/** The prompt template of the article. */
export const TEMPLATE = `Create a {{duration_seconds}} second {{format}} clip for {{channel}}.
Scene: {{scene}}.
Mood: {{mood}}.
Camera: {{camera_direction}}.
Must include: {{must_include}}.
Must avoid: {{must_avoid}}.
No text overlays. No logos. No recognizable public figures.`;

export const VARIABLES = { scene: 'a bright kitchen', mood: 'calm', camera_direction: 'slow push in' };
