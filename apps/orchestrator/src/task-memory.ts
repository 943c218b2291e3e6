// 5 react · decides what an answer teaches this process beyond the facts: whom it may submit, and when the provider is asked again.
import type { InstantMs } from '#libs/kernel';
import type { ProviderCapabilities } from '#libs/providers';
import type { LiveTask } from './live-task.js';
import { lookDelayMs, type Observation, type Situation } from './reaction.decider.js';
import type { ReactionPolicy } from './reaction.policy.js';

/** Changes the memory in place, before the observation is judged. */
export function remember(
  task: LiveTask,
  observation: Observation,
  now: InstantMs,
  capabilities: ProviderCapabilities | null,
  policy: ReactionPolicy,
): void {
  const { memory } = task;
  const lookLater = (): void => {
    if (capabilities !== null) lookAgainLater(task, now, capabilities, policy);
  };
  switch (observation.kind) {
    case 'woken':
    case 'turn':
      return;
    case 'submitted':
      memory.maySubmit = null;
      task.looks = 0;
      return lookLater();
    case 'looked_up': {
      const { answer, attempt, isConfirmed } = observation;
      // Of a submission that may have arrived, or may still, the vendor's word takes more than one.
      if (answer.kind === 'never_created' && isConfirmed) memory.maySubmit = attempt;
      return lookLater();
    }
    case 'reported':
      if (observation.report.kind === 'returned') memory.maySubmit = observation.attempt;
      return lookLater();
    case 'cancel_answered':
      memory.cancelAnswered = observation.answer.kind !== 'unknown';
      if (observation.answer.kind === 'too_late') memory.lookAt = now;
      else lookLater();
      return;
  }
}

/** After the task was read or written: what changed since the last time decides when the provider is asked next. */
export function learn(
  task: LiveTask,
  situation: Situation,
  now: InstantMs,
  capabilities: ProviderCapabilities | null,
  policy: ReactionPolicy,
): void {
  const before = task.situation;
  task.situation = situation;
  const jobId = situation.attempt?.providerJobId ?? null;
  if (situation.isOver && before?.isOver !== true) {
    // A verdict may be there already: asked once at once, then ever more rarely.
    task.looks = 0;
    task.memory.lookAt = now;
  } else if (jobId !== null && before !== null && before.attempt?.providerJobId !== jobId) {
    // Just accepted: it is given its first moments, however often it was looked for before.
    task.looks = 0;
    if (capabilities !== null) lookAgainLater(task, now, capabilities, policy);
  }
  if (jobId !== null) {
    task.jobId = jobId;
    task.submitted = null;
  }
}

function lookAgainLater(task: LiveTask, now: InstantMs, capabilities: ProviderCapabilities, policy: ReactionPolicy): void {
  task.memory.lookAt = now + lookDelayMs(task.looks, capabilities, task.situation?.isOver ?? false, policy);
  task.looks += 1;
}
