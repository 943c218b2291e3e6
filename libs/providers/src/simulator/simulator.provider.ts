// 5 react · the simulator as a vendor: an asynchronous job service behind the provider port, that does on request every good and bad thing.
import type pg from 'pg';
import type { Clock, JsonObject } from '#libs/kernel';
import type {
  CancelAnswer,
  JobReport,
  LookupAnswer,
  Provider,
  ProviderCapabilities,
  ProviderContent,
  ProviderJob,
  SubmitAnswer,
} from '../provider.port.js';
import { BatchedCalls } from '../batched-calls.js';
import { simulatedContent } from './simulator.assets.js';
import { SimulatorHints } from './simulator.hints.js';
import { SimulatorJobs } from './simulator.jobs.postgres.js';
import { simulationErrors, simulationOf, type FieldError } from './simulator.parameters.js';
import { statusOf, type SimulatedJob } from './simulator.status.js';

/** One batch at a time: what is asked meanwhile makes the next one larger. */
const BATCHES = { batchSizeMax: 500, inFlightMax: 1, gatherMs: 5 };
const PRUNE_EVERY_MS = 600_000;
/** A job id is opaque to callers; here it is the caller's own id behind a prefix, so that one index serves both look-ups. */
const JOB_ID_PREFIX = 'sim_';

export class SimulatorProvider implements Provider {
  readonly id = 'simulator';
  readonly capabilities: ProviderCapabilities = {
    lookup: true,
    cancel: true,
    parameters: ['simulate'],
    pollEveryMs: { first: 500, min: 500, max: 10_000 },
    callsMax: 512,
    jobsMax: null,
  };
  readonly #hints = new SimulatorHints();
  readonly #creations: BatchedCalls<SimulatedJob, boolean>;
  readonly #finds: BatchedCalls<string, SimulatedJob | null>;
  readonly #cancellations: BatchedCalls<string, SimulatedJob | null>;
  readonly #jobs: SimulatorJobs;
  readonly #pruning: NodeJS.Timeout;

  constructor(
    pool: pg.Pool,
    private readonly clock: Clock,
  ) {
    this.#jobs = new SimulatorJobs(pool);
    this.#creations = new BatchedCalls(async (jobs) => {
      const created = await this.#jobs.create(jobs);
      return jobs.map((job) => created.has(job.clientJobId));
    }, BATCHES);
    this.#finds = new BatchedCalls(async (ids) => {
      const found = await this.#jobs.find(ids);
      return ids.map((id) => found.get(id) ?? null);
    }, BATCHES);
    this.#cancellations = new BatchedCalls(async (ids) => {
      const found = await this.#jobs.cancel(ids, this.clock.now());
      return ids.map((id) => found.get(id) ?? null);
    }, BATCHES);
    this.#pruning = setInterval(() => void this.#jobs.prune(Date.now()).catch(() => undefined), PRUNE_EVERY_MS);
    this.#pruning.unref();
  }

  async submit(job: ProviderJob): Promise<SubmitAnswer> {
    const { outcome, afterMs, deliveredFraction, cost } = simulationOf(job.parameters);
    if (outcome === 'reject')
      return {
        kind: 'rejected',
        code: 'simulated_rejection',
        detail: 'The simulator rejected the job, as it was told to.',
        retryable: false,
      };
    const createdMs = Date.now();
    const dueMs = createdMs + afterMs;
    try {
      const isNew = await this.#creations.call({
        clientJobId: job.clientJobId,
        outcome,
        createdMs,
        dueMs,
        deadlineMs: job.deadlineAt,
        cancelledMs: null,
        outputType: job.outputType,
        durationSeconds: job.durationSeconds,
        deliveredFraction,
        cost: outcome === 'hang' ? null : cost,
      });
      if (outcome === 'lost_submit' && isNew) return { kind: 'unknown', detail: 'the connection was lost after the job had been sent' };
      const providerJobId = JOB_ID_PREFIX + job.clientJobId;
      if (outcome !== 'hang') this.#hints.schedule(providerJobId, this.#delayOf(outcome, dueMs, job.deadlineAt));
      return { kind: 'accepted', providerJobId };
    } catch (error) {
      return wasNeverSent(error as NodeJS.ErrnoException)
        ? { kind: 'not_sent', detail: 'the connection was refused' }
        : { kind: 'unknown', detail: 'the connection was lost before an answer came' };
    }
  }

  async report(providerJobId: string): Promise<JobReport> {
    try {
      // The clocks are read before the row: a job cancelled meanwhile is then never reported as finished.
      const realNow = Date.now();
      const deploymentNow = this.clock.now();
      const job = await this.#finds.call(clientJobIdOf(providerJobId));
      return job === null ? { kind: 'unrecognised', status: 'no such job' } : statusOf(job, realNow, deploymentNow);
    } catch {
      return { kind: 'unreachable', detail: 'the simulator did not answer' };
    }
  }

  async lookup(clientJobId: string): Promise<LookupAnswer> {
    try {
      const job = await this.#finds.call(clientJobId);
      if (job === null) return { kind: 'never_created' };
      const providerJobId = JOB_ID_PREFIX + clientJobId;
      if (job.outcome !== 'hang') this.#hints.schedule(providerJobId, this.#delayOf(job.outcome, job.dueMs, job.deadlineMs));
      return { kind: 'found', providerJobId };
    } catch {
      return { kind: 'unknown' };
    }
  }

  async cancel(providerJobId: string): Promise<CancelAnswer> {
    try {
      const job = await this.#cancellations.call(clientJobIdOf(providerJobId));
      if (job === null) return { kind: 'unknown' };
      return job.cancelledMs === null ? { kind: 'too_late' } : { kind: 'cancelled', cost: job.cost };
    } catch {
      return { kind: 'unknown' };
    }
  }

  contentOf(url: URL): ProviderContent | null {
    return simulatedContent(url);
  }

  onHint(listener: (providerJobId: string) => void): () => void {
    return this.#hints.listen(listener);
  }

  validate(parameters: JsonObject): FieldError[] {
    return simulationErrors(parameters);
  }

  /** Ends timers; jobs are rows and stay. */
  close(): void {
    clearInterval(this.#pruning);
    this.#hints.close();
  }

  #delayOf(outcome: SimulatedJob['outcome'], dueMs: number, deadlineAt: number): number {
    const delayMs = dueMs - Date.now();
    return outcome === 'late' ? Math.max(delayMs, deadlineAt + 1 - this.clock.now()) : delayMs;
  }
}

function clientJobIdOf(providerJobId: string): string {
  return providerJobId.startsWith(JOB_ID_PREFIX) ? providerJobId.slice(JOB_ID_PREFIX.length) : providerJobId;
}

/** No connection of the pool came free in time, or none could be made in time. */
const NO_CONNECTION = new Set(['timeout exceeded when trying to connect', 'Connection terminated due to connection timeout']);

/** Refused, or no connection to be had: the statement never left this process. */
function wasNeverSent(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNREFUSED' || error.code === 'ENOENT' || NO_CONNECTION.has(error.message);
}
