// 2 → 3 · gives a process the sessions of its tasks; settlement and the orchestrator run their commands on them.
import { Global, Module } from '@nestjs/common';
import type { Clock } from '#libs/kernel';
import { StreamSessions, type EventStore } from '#libs/event-store';
import { CLOCK, CONFIG, EVENT_STORE, TASK_SESSIONS, type Config } from '#libs/platform';
import { taskDecider } from './task.decider.js';
import type { TaskFact } from './task.facts.js';
import type { TaskState } from './task.state.js';

/** Needs EVENT_STORE, CLOCK and CONFIG; gives TASK_SESSIONS. */
@Global()
@Module({
  providers: [
    {
      provide: TASK_SESSIONS,
      inject: [EVENT_STORE, CLOCK, CONFIG],
      // No snapshots: a task's stream is short for good, for attempts and progress are bounded.
      useFactory: (store: EventStore, clock: Clock, { sessionsMax }: Config) =>
        new StreamSessions<TaskState, TaskFact>({ store, decider: taskDecider, clock, sessionsMax }),
    },
  ],
  exports: [TASK_SESSIONS],
})
export class TasksModule {}
