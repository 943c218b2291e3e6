// Composes the studio for every process: its sessions, the handlers of its commands, rendering, and what submitting a task asks of briefs.
import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Clock, Decider, Fact } from '#libs/kernel';
import {
  StreamSessions,
  type CustomerKeys,
  type EventStore,
  type KeyedCommands,
  type SnapshotCodec,
  type Snapshots,
} from '#libs/event-store';
import { CLOCK, CONFIG, CUSTOMER_KEYS, EVENT_STORE, KEYED_COMMANDS, LOGGER, SNAPSHOTS, TASK_BRIEFS, type Config } from '#libs/platform';
import { AttemptImport } from './attempts/attempt-import.js';
import { BENCHMARK_FACT_VERSIONS } from './benchmark/benchmark.facts.js';
import { SetBenchmarkHandler } from './benchmark/benchmark.handler.js';
import { benchmarkDecider } from './benchmark/benchmark.state.js';
import { BRIEF_FACT_VERSIONS, type BriefFact } from './brief/brief.facts.js';
import { CreateBriefHandler, ReadyBriefHandler } from './brief/brief.handler.js';
import { briefSnapshot } from './brief/brief.snapshot.js';
import { briefDecider, type BriefState } from './brief/brief.state.js';
import { CLIP_FACT_VERSIONS } from './clip/clip.facts.js';
import { MoveClipHandler, NoteClipPerformanceHandler } from './clip/clip.handler.js';
import { clipDecider } from './clip/clip.state.js';
import { PROMPT_FACT_VERSIONS } from './prompt/prompt.facts.js';
import { AddPromptVersionHandler, CreatePromptHandler, MovePromptLabelHandler } from './prompt/prompt.handler.js';
import { promptDecider, type PromptState } from './prompt/prompt.state.js';
import { PromptRendering } from './prompt-rendering.js';
import { StudioTexts } from './studio.texts.js';
import { BENCHMARK_WRITES, BRIEF_WRITES, CLIP_WRITES, PROMPT_WRITES } from './studio.tokens.js';
import { StudioWrites } from './studio.writes.js';
import { BudgetedTaskBriefs } from './task-briefs.js';
import type { TaskBriefs } from './task-briefs.port.js';

/** One category's sessions and the writes on them; with snapshots for those whose streams only grow. */
function writes<State, F extends Fact<string, object>>(
  token: symbol,
  decider: Decider<State, F>,
  versions: Readonly<Record<string, number>>,
  codec: SnapshotCodec<State> | null = null,
): object {
  return {
    provide: token,
    inject: [EVENT_STORE, CLOCK, CONFIG, KEYED_COMMANDS, SNAPSHOTS],
    useFactory: (store: EventStore, clock: Clock, config: Config, keyed: KeyedCommands, snapshots: Snapshots) => {
      const snapshotPolicy = codec === null ? null : { snapshots, codec, everyFacts: config.snapshotEveryFacts };
      const sessions = new StreamSessions<State, F>({ store, decider, clock, sessionsMax: config.sessionsMax, snapshotPolicy });
      return new StudioWrites<State>(sessions, keyed, store, versions);
    },
  };
}

const PROVIDERS = [
  writes(BRIEF_WRITES, briefDecider, BRIEF_FACT_VERSIONS, briefSnapshot),
  writes(PROMPT_WRITES, promptDecider, PROMPT_FACT_VERSIONS),
  writes(CLIP_WRITES, clipDecider, CLIP_FACT_VERSIONS),
  writes(BENCHMARK_WRITES, benchmarkDecider, BENCHMARK_FACT_VERSIONS),
  {
    provide: StudioTexts,
    inject: [EVENT_STORE, CUSTOMER_KEYS],
    useFactory: (store: EventStore, keys: CustomerKeys) => new StudioTexts(store, keys),
  },
  {
    provide: PromptRendering,
    inject: [BRIEF_WRITES, PROMPT_WRITES, StudioTexts],
    useFactory: (briefs: StudioWrites<BriefState>, prompts: StudioWrites<PromptState>, texts: StudioTexts) =>
      new PromptRendering(briefs.sessions, prompts.sessions, texts),
  },
  {
    provide: AttemptImport,
    inject: [EVENT_STORE, CLOCK],
    useFactory: (store: EventStore, clock: Clock) => new AttemptImport(store, clock),
  },
  {
    provide: TASK_BRIEFS,
    inject: [EVENT_STORE, BRIEF_WRITES, PromptRendering, LOGGER],
    useFactory: (store: EventStore, { sessions }: StudioWrites<BriefState>, rendering: PromptRendering, logger: Logger): TaskBriefs =>
      new BudgetedTaskBriefs({
        ...{ store, briefs: sessions, rendering },
        onError: (error) => logger.warn({ err: error }, 'an attempt of a brief could not be given back at once'),
      }),
  },
];

/** Needs EVENT_STORE, CUSTOMER_KEYS, KEYED_COMMANDS, SNAPSHOTS, CLOCK, CONFIG and LOGGER from global modules, and the CqrsModule; gives TASK_BRIEFS, PromptRendering and AttemptImport. */
@Global()
@Module({
  providers: [
    ...(PROVIDERS as []),
    CreateBriefHandler,
    ReadyBriefHandler,
    CreatePromptHandler,
    AddPromptVersionHandler,
    MovePromptLabelHandler,
    MoveClipHandler,
    NoteClipPerformanceHandler,
    SetBenchmarkHandler,
  ],
  exports: [TASK_BRIEFS, PromptRendering, StudioTexts, AttemptImport],
})
export class StudioModule implements OnApplicationShutdown {
  constructor(@Inject(BRIEF_WRITES) private readonly briefs: StudioWrites<BriefState>) {}

  /** Snapshots on their way are kept before the pool is closed. */
  async onApplicationShutdown(): Promise<void> {
    await (this.briefs.sessions as StreamSessions<BriefState, BriefFact>).snapshotsSettled();
  }
}
