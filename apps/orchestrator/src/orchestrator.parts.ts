// 5 react · what an orchestrator needs of its process; given by the module, and by tests.
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock, InstantMs } from '#libs/kernel';
import type { EventStore, Sessions } from '#libs/event-store';
import type { Provider } from '#libs/providers';
import type { Settlements } from '#libs/settlement';
import type { TaskState } from '#libs/tasks';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import type { ProviderCalls } from './provider-calls.js';
import type { OrchestratorLimits, ReactionPolicy } from './reaction.policy.js';

export interface OrchestratorParts {
  pool: pg.Pool;
  store: EventStore;
  sessions: Sessions<TaskState>;
  settlements: Pick<Settlements, 'settle' | 'settleFromLog'>;
  book: (tenant: string, accountId: string) => Promise<{ nextDueAt: InstantMs | null; booked: number }>;
  calls: ProviderCalls;
  providers: ReadonlyMap<string, Provider>;
  /** Of a plan: the share of a provider's places that an account on it has. */
  weightOf: (plan: string) => number;
  /** Jobs that may run at a provider at once, over the whole deployment; null for no bound. */
  jobsMaxOf: (provider: string) => number | null;
  /** `onMoved`: the clock was moved; whoever moved it waits for what is now due. */
  clock: Clock & { onMoved?: (listener: () => void) => () => void };
  logger: Logger;
  metrics: OrchestratorMetrics;
  policy: ReactionPolicy;
  limits: OrchestratorLimits;
  random?: () => number;
}
