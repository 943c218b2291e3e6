// What every role of the deployment stands on: one list of modules, so that an API, a projector and an orchestrator cannot differ in it; each main composes it with its own.
import type { DynamicModule, Type } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { CatalogueModule, QuotesModule } from '#libs/catalogue';
import { EventStoreModule } from '#libs/event-store';
import { LedgerModule } from '#libs/ledger';
import { MessagingModule } from '#libs/messaging';
import { PlatformModule, type PlatformOptions } from '#libs/platform';
import { ProjectionsModule } from '#libs/projections';
import { ProofModule } from '#libs/proof';
import { ProvidersModule } from '#libs/providers';
import { ReactionsModule } from '#libs/reactions';
import { RoutingModule, type RoutingMode } from '#libs/routing';
import { SettlementModule } from '#libs/settlement';
import { StudioModule } from '#libs/studio';
import { TasksModule } from '#libs/tasks';

/** Who owns accounts is who hears of most commands first; the orchestrator sends its own to them. Other processes decide nothing. */
const ROUTING_MODES: Readonly<Record<string, RoutingMode>> = { api: 'own', standalone: 'own', orchestrator: 'forward' };

/** The root module of a process that plays these roles. */
export function compose(options: PlatformOptions, roles: Type[]): DynamicModule {
  return {
    module: Deployment,
    imports: [
      PlatformModule.with(options),
      CqrsModule.forRoot(),
      EventStoreModule,
      MessagingModule,
      ProvidersModule,
      CatalogueModule,
      LedgerModule,
      TasksModule,
      StudioModule,
      // Global, because the orchestrator settles through it without importing what composes it.
      { module: SettlementModule, global: true },
      QuotesModule,
      ProjectionsModule,
      ProofModule,
      ReactionsModule,
      RoutingModule.with(ROUTING_MODES[options.process ?? 'standalone'] ?? 'local'),
      ...roles,
    ],
  };
}

class Deployment {}
