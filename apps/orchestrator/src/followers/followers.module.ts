// 5 react · lets an orchestrator's process take its turn at what follows the log: clips of completed tasks, and copies of their assets.
import { Inject, Module, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '#libs/kernel';
import { AssetFetcher, AssetsModule, type AssetKeeping } from '#libs/assets';
import type { EventStore, Sessions } from '#libs/event-store';
import {
  CLOCK,
  CONFIG,
  EVENT_STORE,
  LOGGER,
  METRICS,
  PG_POOL,
  READINESS,
  TASK_SESSIONS,
  type Config,
  type Readiness,
} from '#libs/platform';
import type { TaskState } from '#libs/tasks';
import { AssetKeeper } from './asset-keeper.js';
import { AssetQueue } from './asset-queue.postgres.js';
import { ClipMaker } from './clip-maker.js';
import { FollowerMetrics } from './follower.metrics.js';
import { LogFollower, type Reaction } from './log-follower.js';

const FOLLOWERS = Symbol('Followers');

@Module({
  imports: [AssetsModule],
  providers: [
    {
      provide: FOLLOWERS,
      inject: [CONFIG, PG_POOL, CLOCK, LOGGER, METRICS, READINESS, EVENT_STORE, TASK_SESSIONS, AssetFetcher],
      useFactory: (
        config: Config,
        pool: pg.Pool,
        clock: Clock,
        logger: Logger,
        registry: Registry,
        readiness: Readiness,
        store: EventStore,
        sessions: Sessions<TaskState>,
        assets: AssetKeeping,
      ): LogFollower[] => {
        const metrics = new FollowerMetrics(registry);
        const queue = new AssetQueue(pool);
        new Gauge({
          name: 'rollcredits_asset_copies_waiting',
          help: 'Facts whose assets are still to be copied, over all processes.',
          registers: [registry],
          async collect() {
            // The database may be away when it is asked: no figure is better than a wrong one.
            await queue.waiting().then(
              (waiting) => this.set(waiting),
              () => this.reset(),
            );
          },
        });
        const reactions: Reaction[] = [
          new ClipMaker({ store, clock, metrics }),
          new AssetKeeper({ store, sessions, queue, assets, keep: config.assetsKeep, logger, metrics }),
        ];
        return reactions.map((reaction) => {
          const follower = new LogFollower({ store, pool, clock, logger, metrics }, reaction);
          readiness.register(`follower:${reaction.name}`, () => follower.health());
          return follower;
        });
      },
    },
  ],
})
export class FollowersModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(@Inject(FOLLOWERS) private readonly followers: readonly LogFollower[]) {}

  onApplicationBootstrap(): void {
    for (const follower of this.followers) follower.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.followers.map((follower) => follower.stop()));
  }
}
