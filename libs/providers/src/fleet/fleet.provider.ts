// 5 react · a fleet of workers as a vendor: a submission is a message on Kafka, and what workers answered is read from the rows that the intake writes.
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock, JsonObject } from '#libs/kernel';
import type { Messaging } from '#libs/messaging';
import type { Config, DeploymentSecret } from '#libs/platform';
import { BatchedCalls } from '../batched-calls.js';
import type { CancelAnswer, JobReport, LookupAnswer, Provider, ProviderCapabilities, ProviderJob, SubmitAnswer } from '../provider.port.js';
import { isWithdrawn } from './fleet.decider.js';
import { FleetHints } from './fleet.hints.js';
import { jobIdOf, probeTokenOf, tokenOf, type FleetJob } from './fleet.job.js';
import { FleetJobs, type NewFleetJob, type SeenJob } from './fleet.jobs.postgres.js';
import { cancellationMessage, JOB_BYTES_MAX, jobMessage, probeMessage, type Envelope } from './fleet.messages.js';
import { fleetReportOf, silenceOf } from './fleet.report.js';
import { FleetSender } from './fleet.sender.js';

export const FLEET_PROVIDER_ID = 'fleet';

export type FleetSettings = Pick<
  Config,
  'kafkaTopicPrefix' | 'kafkaPartitions' | 'kafkaRetentionMs' | 'deploymentName' | 'fleetHeartbeatMs' | 'fleetLostWorker'
>;

export interface FleetParts {
  pool: pg.Pool;
  clock: Clock;
  messaging: Messaging;
  secret: DeploymentSecret;
  settings: FleetSettings;
  logger: Logger;
}

const BATCHES = { batchSizeMax: 500, inFlightMax: 1, gatherMs: 5 };
const PRUNE_EVERY_MS = 600_000;
/** Beyond this many jobs that were asked after, the oldest questions are forgotten: at worst one is asked twice. */
const ASKED_MAX = 10_000;

export class FleetProvider implements Provider {
  readonly id = FLEET_PROVIDER_ID;
  readonly capabilities: ProviderCapabilities;
  readonly #jobs: FleetJobs;
  readonly #sender: FleetSender;
  readonly #hints: FleetHints;
  readonly #preparing: BatchedCalls<NewFleetJob, { job: FleetJob; isNew: boolean } | null>;
  readonly #finding: BatchedCalls<string, SeenJob | null>;
  readonly #sent: BatchedCalls<Pick<FleetJob, 'jobId' | 'releases'>, null>;
  readonly #askedMs = new Map<string, number>();
  readonly #pruning: NodeJS.Timeout;

  constructor(private readonly parts: FleetParts) {
    const { pool, messaging, settings } = parts;
    const heartbeatMs = settings.fleetHeartbeatMs;
    this.capabilities = {
      lookup: true,
      cancel: true,
      parameters: ['fleet'],
      // Hints bring news at once; polls are there to notice silence.
      pollEveryMs: { first: Math.min(500, heartbeatMs), min: Math.min(500, heartbeatMs), max: Math.max(50, heartbeatMs / 2) },
      callsMax: 512,
      // The topic is the queue: as many may wait there as like, for as many workers as there are.
      jobsMax: null,
    };
    this.#jobs = new FleetJobs(pool);
    this.#sender = new FleetSender(messaging, settings);
    this.#hints = new FleetHints(pool);
    this.#preparing = new BatchedCalls(async (jobs) => {
      const rows = await this.#jobs.prepare(jobs);
      return jobs.map((job) => rows.get(job.jobId) ?? null);
    }, BATCHES);
    this.#finding = new BatchedCalls(async (ids) => {
      const rows = await this.#jobs.find(ids);
      return ids.map((id) => rows.get(id) ?? null);
    }, BATCHES);
    this.#sent = new BatchedCalls(async (jobs) => {
      await this.#jobs.sent(jobs);
      return jobs.map(() => null);
    }, BATCHES);
    this.#pruning = setInterval(() => void this.#jobs.prune().catch(() => undefined), PRUNE_EVERY_MS);
    this.#pruning.unref();
  }

  /** Safe to repeat for the same attempt: a worker that sees its job twice knows it by its id, and only one verdict ever counts. */
  async submit(job: ProviderJob): Promise<SubmitAnswer> {
    const jobId = jobIdOf(job.clientJobId);
    try {
      const closed = await this.#sender.whyClosed(job.family);
      if (closed !== null) {
        // What was tried before may have left then.
        const known = await this.#finding.call(jobId);
        return known === null ? { kind: 'not_sent', detail: closed, untilDeadline: true } : { kind: 'unknown', detail: closed };
      }
      const { clientJobId, tenant, taskId, attempt } = job;
      const heartbeatEveryMs = this.parts.settings.fleetHeartbeatMs;
      const prepared = await this.#preparing.call({ jobId, clientJobId, tenant, taskId, attempt, heartbeatEveryMs });
      if (prepared === null) return { kind: 'unknown', detail: 'the row of the job cannot be read' };
      return await this.#send(job, prepared.job);
    } catch (error) {
      return { kind: 'unknown', detail: `the submission could not be recorded: ${(error as Error).message}` };
    }
  }

  async report(providerJobId: string): Promise<JobReport> {
    try {
      const seen = await this.#finding.call(providerJobId);
      if (seen === null) return { kind: 'unrecognised', status: 'no such job' };
      const { job, nowMs } = seen;
      switch (silenceOf(job, nowMs)) {
        case 'ask':
          this.#ask(job, nowMs);
          break;
        case 'lost':
          return await this.#giveUp(job, nowMs);
        case 'none':
      }
      return this.#reportOf(job, nowMs);
    } catch (error) {
      return { kind: 'unreachable', detail: (error as Error).message };
    }
  }

  async lookup(clientJobId: string): Promise<LookupAnswer> {
    try {
      const providerJobId = jobIdOf(clientJobId);
      const seen = await this.#finding.call(providerJobId);
      if (seen === null) return { kind: 'never_created' };
      const { sentMs, claimedMs, verdict } = seen.job;
      if (sentMs !== null || claimedMs !== null || verdict !== null) return { kind: 'found', providerJobId };
      // It may stand on the topic all the same. To send it again does no harm, so it counts as not there as soon as it can be sent.
      return (await this.#sender.isReachable()) ? { kind: 'never_created' } : { kind: 'unknown' };
    } catch {
      return { kind: 'unknown' };
    }
  }

  async cancel(providerJobId: string): Promise<CancelAnswer> {
    try {
      const job = await this.#jobs.cancel(providerJobId);
      if (job === null) return { kind: 'unknown' };
      if (job.verdict !== null) return { kind: 'too_late' };
      const told = await this.#sender.cancellation(cancellationMessage(job, { reason: 'cancelled', worker: null }, this.#envelope()));
      // Whoever takes it up later is told by the intake.
      if (isWithdrawn(job)) return { kind: 'withdrawn' };
      return told ? { kind: 'requested' } : { kind: 'unknown' };
    } catch {
      return { kind: 'unknown' };
    }
  }

  onHint(listener: (providerJobId: string) => void): () => void {
    return this.#hints.listen(listener);
  }

  /** `parameters.fleet` is the workers' own business: any object. */
  validate(parameters: JsonObject): Array<{ pointer: string; detail: string }> {
    const { fleet } = parameters;
    const isObject = typeof fleet === 'object' && fleet !== null && !Array.isArray(fleet);
    return fleet === undefined || isObject ? [] : [{ pointer: '/parameters/fleet', detail: 'must be an object' }];
  }

  /** Jobs are rows and messages, and stay. */
  async close(): Promise<void> {
    clearInterval(this.#pruning);
    await Promise.all([this.#hints.close(), this.#sender.close()]);
  }

  async #send(job: ProviderJob, row: FleetJob): Promise<SubmitAnswer> {
    const { jobId: providerJobId, releases } = row;
    // Somebody has it already: what was not known to have been sent was.
    if (row.claimedMs !== null || row.verdict !== null) return { kind: 'accepted', providerJobId };
    const message = jobMessage(job, row, tokenOf(this.parts.secret, row.clientJobId), this.#envelope());
    const bytes = Buffer.byteLength(message.value as string);
    if (bytes > JOB_BYTES_MAX) return tooLarge(`the job has ${bytes} bytes, more than ${JOB_BYTES_MAX}`);
    const sending = await this.#sender.job(job.family, message);
    switch (sending.kind) {
      case 'sent':
        // Where this cannot be written, it is sent once more.
        await this.#sent.call({ jobId: providerJobId, releases }).catch(() => undefined);
        return { kind: 'accepted', providerJobId };
      case 'refused':
        return tooLarge(sending.detail);
      case 'closed':
      case 'unknown':
        return { kind: 'unknown', detail: sending.detail };
    }
  }

  async #giveUp(job: FleetJob, nowMs: number): Promise<JobReport> {
    if (!(await this.#jobs.giveUp(job.jobId, job.heardMs ?? 0))) {
      // It was heard of in this very moment, or another process was quicker.
      const seen = await this.#finding.call(job.jobId);
      return seen === null ? { kind: 'unrecognised', status: 'no such job' } : this.#reportOf(seen.job, seen.nowMs);
    }
    const { jobId, taskId, worker } = job;
    this.parts.logger.warn({ jobId, taskId, worker }, 'a worker fell silent: its attempt is given up');
    void this.#sender.cancellation(cancellationMessage(job, { reason: 'given_up', worker: null }, this.#envelope()));
    return this.#reportOf({ ...job, lostMs: nowMs }, nowMs);
  }

  #reportOf(job: FleetJob, nowMs: number): JobReport {
    return fleetReportOf(job, nowMs, this.parts.settings.fleetLostWorker === 'retry');
  }

  /** Once a heartbeat for each silence; the answer is written by whoever reads the results. */
  #ask(job: FleetJob, nowMs: number): void {
    const { jobId } = job;
    if (nowMs - (this.#askedMs.get(jobId) ?? -Infinity) < job.heartbeatEveryMs) return;
    this.#askedMs.delete(jobId);
    this.#askedMs.set(jobId, nowMs);
    if (this.#askedMs.size > ASKED_MAX) this.#askedMs.delete(this.#askedMs.keys().next().value as string);
    const message = probeMessage(job, probeTokenOf(this.parts.secret, job.clientJobId), this.#envelope());
    void this.#sender.probe(message);
  }

  #envelope(): Envelope {
    return { source: `/rollcredits/${this.parts.settings.deploymentName}`, at: this.parts.clock.now() };
  }
}

function tooLarge(detail: string): SubmitAnswer {
  return { kind: 'rejected', code: 'job_too_large', detail, retryable: false };
}
