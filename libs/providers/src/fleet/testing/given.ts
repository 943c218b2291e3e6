// Given what was said of a job, when a message comes, then what becomes of it: how the specs of fleets are written.
import { decideFleetMessage, type FleetDecision } from '../fleet.decider.js';
import type { FleetJob, FleetVerdict } from '../fleet.job.js';
import type { FleetSaying } from '../fleet.messages.js';

export const HEARTBEAT_MS = 5_000;
export const SENT_MS = 1_000_000;

/** Sent, and claimed by nobody yet. */
export function queued(changes: Partial<FleetJob> = {}): FleetJob {
  return {
    jobId: 'job_1.1',
    clientJobId: 'task_1.1',
    tenant: 'acme',
    taskId: 'task_1',
    attempt: 1,
    heartbeatEveryMs: HEARTBEAT_MS,
    createdMs: SENT_MS,
    sentMs: SENT_MS,
    releases: 0,
    releasedMs: null,
    worker: null,
    claimedMs: null,
    heardMs: null,
    probedMs: null,
    percent: null,
    cancelMs: null,
    lostMs: null,
    verdictMs: null,
    verdict: null,
    ...changes,
  };
}

export const SUCCESS: FleetVerdict = {
  kind: 'succeeded',
  assets: [{ url: 'https://gpu.example/1.mp4', mediaType: 'video/mp4', durationSeconds: '5' }],
  deliveredFraction: '1',
  actualDurationSeconds: '5',
  cost: { currency: 'USD', amountMinor: 12 },
};
export const FAILURE: FleetVerdict = { kind: 'failed', code: 'oom', detail: 'no memory', blame: 'provider', retryable: true, cost: null };

export const claim = (worker = 'a'): FleetSaying => ({ kind: 'claimed', worker });
export const heartbeat = (progress: number | null = null, worker: string | null = 'a'): FleetSaying => ({
  kind: 'heartbeat',
  worker,
  progress,
});
export const release = (worker: string | null = 'a'): FleetSaying => ({ kind: 'released', worker });
export const verdict = (said: FleetVerdict = SUCCESS, worker: string | null = 'a'): FleetSaying => ({
  kind: 'verdict',
  worker,
  verdict: said,
});
export const probe: FleetSaying = { kind: 'probe' };

export class JobStory {
  at = SENT_MS;

  constructor(public job: FleetJob = queued()) {}

  /** Decides without keeping. */
  when(saying: FleetSaying): FleetDecision {
    return decideFleetMessage(this.job, { saying }, this.at + 100);
  }

  then(saying: FleetSaying, afterMs = 100): this {
    this.at += afterMs;
    this.job = decideFleetMessage(this.job, { saying }, this.at).job;
    return this;
  }

  /** What else happens to a row: our own side. */
  but(changes: Partial<FleetJob>): this {
    this.job = { ...this.job, ...changes };
    return this;
  }
}
