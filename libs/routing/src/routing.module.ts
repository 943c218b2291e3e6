// Puts the router in front of a process's command bus; an owner of accounts joins the others when it serves, and leaves them before it stops.
import { Inject, Module, type DynamicModule, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Catalogue } from '#libs/catalogue';
import type { EventStore } from '#libs/event-store';
import {
  CATALOGUE,
  CLOCK,
  CONFIG,
  DEPLOYMENT_SECRET,
  EVENT_STORE,
  LOGGER,
  METRICS,
  PG_POOL,
  READINESS,
  type Config,
  type DeploymentClock,
  type DeploymentSecret,
  type Readiness,
} from '#libs/platform';
import { Settlements } from '#libs/settlement';
import { accountsOfTasks } from './account-of-task.js';
import { AccountRouting, type RoutingMode } from './account-routing.js';
import { CommandRouter } from './command-router.js';
import { releaseOf } from './release.js';
import { RoutedSettlements } from './routed-settlements.js';

const MODE = Symbol('RoutingMode');

/** Gives every module CommandRouter, RoutedSettlements and AccountRouting. Needs the platform, the event store, the catalogue, settlement and the CqrsModule. */
@Module({})
export class RoutingModule implements OnApplicationBootstrap, OnModuleDestroy {
  #takeAway: () => void = () => undefined;

  constructor(
    @Inject(MODE) private readonly mode: RoutingMode,
    @Inject(AccountRouting) private readonly routing: AccountRouting,
    @Inject(READINESS) private readonly readiness: Readiness,
  ) {}

  static with(mode: RoutingMode): DynamicModule {
    return {
      module: RoutingModule,
      global: true,
      providers: [
        { provide: MODE, useValue: mode },
        {
          provide: AccountRouting,
          inject: [CONFIG, PG_POOL, DEPLOYMENT_SECRET, CommandBus, EVENT_STORE, CLOCK, CATALOGUE, LOGGER, METRICS],
          useFactory: (
            config: Config,
            pool: pg.Pool,
            secret: DeploymentSecret,
            bus: CommandBus,
            store: EventStore,
            clock: DeploymentClock,
            catalogue: Catalogue,
            logger: Logger,
            registry: Registry,
          ) =>
            new AccountRouting({
              mode,
              config,
              version: releaseOf(),
              pool,
              secret,
              decide: (command) => bus.execute(command),
              accountOfTask: accountsOfTasks(store),
              clock,
              catalogue,
              logger,
              registry,
            }),
        },
        { provide: CommandRouter, inject: [AccountRouting], useFactory: (routing: AccountRouting) => routing.router },
        {
          provide: RoutedSettlements,
          inject: [Settlements, CommandRouter],
          useFactory: (settlements: Settlements, router: CommandRouter) => new RoutedSettlements(settlements, router),
        },
      ],
      exports: [AccountRouting, CommandRouter, RoutedSettlements],
    };
  }

  /** Whoever only sends may begin at once. An owner is sent commands, so it joins when its process serves (see createApi). */
  async onApplicationBootstrap(): Promise<void> {
    if (this.mode === 'local') return;
    this.#takeAway = this.readiness.register('accounts', () => this.routing.health());
    if (this.mode === 'forward') await this.routing.join();
  }

  async onModuleDestroy(): Promise<void> {
    this.#takeAway();
    await this.routing.close();
  }
}
