// 5 react · decides what a simulated job's status is: a pure function of its row and of two clocks, so that no runner can lose it.
import { formatDecimal, multiplyDecimals, parseDecimal, parseFraction, unreachable, type InstantMs, type Money } from '#libs/kernel';
import type { JobReport, ProviderJob } from '../provider.port.js';
import { simulatedAsset } from './simulator.assets.js';
import type { SimulatedOutcome } from './simulator.parameters.js';

export interface SimulatedJob {
  clientJobId: string;
  /** A rejected job was never created. */
  outcome: Exclude<SimulatedOutcome, 'reject'>;
  createdMs: number;
  dueMs: number;
  deadlineMs: InstantMs;
  cancelledMs: number | null;
  outputType: ProviderJob['outputType'];
  durationSeconds: string | null;
  deliveredFraction: string;
  cost: Money | null;
}

/** `realNow` moves the simulator's own delays, `deploymentNow` only says whether the task's deadline has passed. */
export function statusOf(job: SimulatedJob, realNow: number, deploymentNow: InstantMs): JobReport {
  if (job.cancelledMs !== null) return { kind: 'cancelled', cost: job.cost };
  switch (job.outcome) {
    case 'succeed':
    case 'lost_submit':
      return realNow >= job.dueMs ? succeeded(job) : running(job, realNow);
    case 'fail':
      return realNow >= job.dueMs ? failed(job) : running(job, realNow);
    case 'late':
      return realNow >= job.dueMs && deploymentNow > job.deadlineMs ? succeeded(job) : { kind: 'running', percent: null };
    case 'hang':
      return { kind: 'running', percent: null };
    default:
      return unreachable(job.outcome, 'outcome of a simulated job');
  }
}

function running(job: SimulatedJob, realNow: number): JobReport {
  const span = job.dueMs - job.createdMs;
  const percent = span <= 0 ? 99 : Math.floor(((realNow - job.createdMs) * 100) / span);
  return { kind: 'running', percent: Math.max(0, Math.min(99, percent)) };
}

function failed(job: SimulatedJob): JobReport {
  return {
    kind: 'failed',
    code: 'simulated_failure',
    detail: 'The simulated generation failed, as it was told to.',
    blame: 'provider',
    retryable: true,
    cost: job.cost,
  };
}

function succeeded(job: SimulatedJob): JobReport {
  const actualDurationSeconds = deliveredDuration(job);
  return {
    kind: 'succeeded',
    assets: job.deliveredFraction === '0' ? [] : [simulatedAsset(job.clientJobId, job.outputType, actualDurationSeconds)],
    deliveredFraction: job.deliveredFraction,
    actualDurationSeconds,
    cost: job.cost,
  };
}

function deliveredDuration(job: SimulatedJob): string | null {
  const whole = job.durationSeconds === null ? null : parseDecimal(job.durationSeconds);
  const fraction = parseFraction(job.deliveredFraction);
  return whole === null || fraction === null ? null : formatDecimal(multiplyDecimals(whole, fraction));
}
