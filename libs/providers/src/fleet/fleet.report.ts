// 5 react · decides what is reported of a job at a fleet, and when whoever has it has been silent for too long: pure functions of its row and the time.
import type { JobReport } from '../provider.port.js';
import { isReturned, isWithdrawn } from './fleet.decider.js';
import type { FleetJob } from './fleet.job.js';

/** Heartbeats that may be missed before the attempt is given up. */
const MISSED_MAX = 3;
/** Heartbeats missed before we ask whether we have read everything that was said. */
const MISSED_BEFORE_PROBE = 2;

/** Between two rounds of a job that workers keep giving back. */
const AGAIN_AFTER_MS = 250;
const AGAIN_AFTER_MS_MAX = 30_000;

export type Silence = 'none' | 'ask' | 'lost';

/**
 * A worker is only lost where we have read what it could have said: our question, sent the same way behind it, has been read, and then there
 * was time for one more heartbeat. So neither a broker that is away nor an intake that lags takes a job from a worker that lives.
 */
export function silenceOf(job: FleetJob, nowMs: number): Silence {
  if (job.heardMs === null || job.verdict !== null || job.lostMs !== null) return 'none';
  const silentMs = nowMs - job.heardMs;
  if (silentMs < MISSED_BEFORE_PROBE * job.heartbeatEveryMs) return 'none';
  if (job.probedMs === null || job.probedMs <= job.heardMs) return 'ask';
  return silentMs >= MISSED_MAX * job.heartbeatEveryMs && nowMs - job.probedMs >= job.heartbeatEveryMs ? 'lost' : 'none';
}

/** `mayRetryLost`: whether the deployment lets another worker do again what a lost one may have done. */
export function fleetReportOf(job: FleetJob, nowMs: number, mayRetryLost: boolean): JobReport {
  const { verdict } = job;
  if (verdict !== null) return verdict.kind === 'failed' ? { ...verdict, mayRunAgain: true } : verdict;
  if (job.lostMs !== null) {
    const who = job.worker === null ? 'the worker' : `worker ${job.worker}`;
    return { kind: 'lost', detail: `${who} was not heard of for ${MISSED_MAX} heartbeats`, mayRunAgain: mayRetryLost };
  }
  if (isWithdrawn(job)) return { kind: 'running', percent: null };
  if (isDueAgain(job, nowMs)) return { kind: 'returned' };
  return { kind: 'running', percent: job.percent };
}

function isDueAgain(job: FleetJob, nowMs: number): boolean {
  if (job.sentMs !== null || job.claimedMs !== null) return false;
  if (!isReturned(job) || job.releasedMs === null) return true;
  const delayMs = job.releases === 1 ? 0 : Math.min(AGAIN_AFTER_MS_MAX, AGAIN_AFTER_MS * 2 ** Math.min(job.releases, 16));
  return nowMs - job.releasedMs >= delayMs;
}
