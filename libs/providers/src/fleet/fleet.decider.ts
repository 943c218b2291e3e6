// 5 react · decides what a message about a job means, given what was said of it before; pure, and called by the intake for every message.
import { unreachable } from '#libs/kernel';
import type { FleetJob } from './fleet.job.js';
import type { Cancellation, FleetMessage, FleetSaying } from './fleet.messages.js';

/** What became of a message, as the metrics count it. */
export type FleetOutcome =
  | 'claimed'
  | 'repeated_claim'
  | 'second_claim'
  | 'heartbeat'
  | 'other_worker'
  | 'after_release'
  | 'after_verdict'
  | 'released'
  | 'verdict'
  | 'late_verdict'
  | 'given_up'
  | 'withdrawn'
  | 'probe'
  | 'duplicate';

export interface FleetDecision {
  outcome: FleetOutcome;
  /** The same object where nothing changed. */
  job: FleetJob;
  /** Somebody works on what nobody waits for. */
  stop: Cancellation | null;
}

/** `at` is the database's clock. The message is genuine: its token was verified, its id is new. */
export function decideFleetMessage(job: FleetJob, { saying }: Pick<FleetMessage, 'saying'>, at: number): FleetDecision {
  switch (saying.kind) {
    case 'probe':
      return { outcome: 'probe', job: { ...job, probedMs: at }, stop: null };
    case 'claimed':
      return decideClaim(job, saying.worker, at);
    case 'heartbeat':
      return decideHeartbeat(job, saying, at);
    case 'released':
      return decideRelease(job, saying.worker, at);
    case 'verdict':
      return decideVerdict(job, saying, at);
    default:
      return unreachable(saying, 'saying of a worker');
  }
}

/** Nobody had begun when it was cancelled: its task is over. */
export function isWithdrawn(job: FleetJob): boolean {
  return job.cancelMs !== null && job.claimedMs === null;
}

/** Given back, and not known to be on the topic again. */
export function isReturned(job: FleetJob): boolean {
  return job.sentMs === null && job.claimedMs === null && job.releases > 0;
}

function decideClaim(job: FleetJob, worker: string, at: number): FleetDecision {
  if (job.verdict !== null) return { outcome: 'after_verdict', job, stop: { reason: 'decided', worker } };
  const closed = closedFor(job, worker);
  if (closed !== null) return closed;
  if (job.claimedMs === null) return { outcome: 'claimed', job: claimed(job, worker, at), stop: null };
  // A heartbeat may have come before its claim, without a name.
  if (job.worker === worker || job.worker === null) {
    return { outcome: 'repeated_claim', job: { ...job, worker, heardMs: at }, stop: again(job, worker) };
  }
  return { outcome: 'second_claim', job, stop: { reason: 'claimed_by_another', worker } };
}

function decideHeartbeat(job: FleetJob, { worker, progress }: Extract<FleetSaying, { kind: 'heartbeat' }>, at: number): FleetDecision {
  if (job.verdict !== null) return { outcome: 'after_verdict', job, stop: null };
  const closed = closedFor(job, worker);
  if (closed !== null) return closed;
  // Who gave it back is believed; a heartbeat of before says nothing any more.
  if (isReturned(job)) return { outcome: 'after_release', job, stop: null };
  // Whoever is at work has claimed it, whether or not we heard so.
  const known = job.claimedMs === null ? claimed(job, worker, at) : job;
  if (isAnother(known, worker)) return { outcome: 'other_worker', job, stop: { reason: 'claimed_by_another', worker } };
  const percent = progress === null ? known.percent : Math.max(known.percent ?? 0, Math.floor(progress));
  return { outcome: 'heartbeat', job: { ...known, heardMs: at, percent }, stop: again(job, worker) };
}

function decideRelease(job: FleetJob, worker: string | null, at: number): FleetDecision {
  if (job.verdict !== null) return { outcome: 'after_verdict', job, stop: null };
  const closed = closedFor(job, worker);
  if (closed !== null) return { ...closed, stop: null };
  if (isReturned(job)) return { outcome: 'after_release', job, stop: null };
  if (isAnother(job, worker)) return { outcome: 'other_worker', job, stop: null };
  if (job.cancelMs !== null)
    return { outcome: 'verdict', job: { ...job, verdictMs: at, verdict: { kind: 'cancelled', cost: null } }, stop: null };
  const given = { worker: null, claimedMs: null, heardMs: null, probedMs: null, percent: null, sentMs: null };
  return { outcome: 'released', job: { ...job, ...given, releases: job.releases + 1, releasedMs: at }, stop: null };
}

/** Whoever of those who had it brings it first: a result is a result, also without a claim before it. */
function decideVerdict(job: FleetJob, { worker, verdict }: Extract<FleetSaying, { kind: 'verdict' }>, at: number): FleetDecision {
  if (job.verdict !== null) return { outcome: 'after_verdict', job, stop: null };
  // Who was told that another has it may well stop with an error; that one is still at work.
  if (verdict.kind === 'failed' && isAnother(job, worker)) return { outcome: 'other_worker', job, stop: null };
  const isStopped = verdict.kind === 'failed' && verdict.code === 'cancelled' && job.cancelMs !== null;
  const said = isStopped ? ({ kind: 'cancelled', cost: verdict.cost } as const) : verdict;
  const isLate = job.lostMs !== null || isWithdrawn(job);
  return { outcome: isLate ? 'late_verdict' : 'verdict', job: { ...job, verdict: said, verdictMs: at }, stop: null };
}

/** Its attempt was given up, or its task was stopped before anybody began. */
function closedFor(job: FleetJob, worker: string | null): FleetDecision | null {
  if (job.lostMs !== null) return { outcome: 'given_up', job, stop: { reason: 'given_up', worker } };
  return isWithdrawn(job) ? { outcome: 'withdrawn', job, stop: { reason: 'cancelled', worker } } : null;
}

/** A cancellation is said again for as long as the worker goes on. */
function again(job: FleetJob, worker: string | null): Cancellation | null {
  return job.cancelMs === null ? null : { reason: 'cancelled', worker };
}

function isAnother(job: FleetJob, worker: string | null): boolean {
  return worker !== null && job.worker !== null && worker !== job.worker;
}

function claimed(job: FleetJob, worker: string | null, at: number): FleetJob {
  return { ...job, worker, claimedMs: at, heardMs: at, sentMs: job.sentMs ?? at };
}
