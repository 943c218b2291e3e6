// 5 react · takes in what fleet workers say: one member of the consumer group on the results topic; offsets follow what is durable. Started by the orchestrator's process.
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock } from '#libs/kernel';
import {
  cancellationsTopic,
  deadLettersTopic,
  pause,
  resultsTopic,
  type IncomingMessage,
  type MessageConsumer,
  type MessageProducer,
  type Messaging,
  type OutgoingMessage,
} from '#libs/messaging';
import type { DeploymentSecret } from '#libs/platform';
import type { JobReport } from '../provider.port.js';
import { deadLetter } from './dead-letters.js';
import { decideFleetMessage, type FleetOutcome } from './fleet.decider.js';
import { isGenuine, type FleetJob } from './fleet.job.js';
import { FleetJobs, type FleetChange } from './fleet.jobs.postgres.js';
import { cancellationMessage, readResult, type DeadLetterReason, type FleetMessage } from './fleet.messages.js';
import type { FleetMetrics } from './fleet.metrics.js';
import type { FleetSettings } from './fleet.provider.js';
import { fleetReportOf } from './fleet.report.js';

export interface FleetIntakeParts {
  pool: pg.Pool;
  clock: Clock;
  messaging: Messaging;
  secret: DeploymentSecret;
  settings: FleetSettings;
  logger: Logger;
  metrics: FleetMetrics;
  /** Records a verdict whose attempt is not the live one any more as a late result; does nothing where it is. Safe to repeat. */
  recordLate: (job: FleetJob, report: JobReport) => Promise<void>;
}

/** Transactions of the intake at once, each of which may need a second connection of the pool for a late result. */
const LANES_MAX = 2;
const RETRY_MS = 1_000;
/** Of these ids nothing is remembered: to hear them twice is to hear them once. */
const FORGETTABLE = new Set(['heartbeat', 'probe']);

interface Letter {
  message: IncomingMessage;
  reason: DeadLetterReason;
  detail: string;
}

interface Taken {
  letters: Letter[];
  stops: OutgoingMessage[];
  outcomes: FleetOutcome[];
}

export class FleetIntake {
  readonly #jobs: FleetJobs;
  readonly #producer: MessageProducer;
  readonly #stopping = new AbortController();
  #consumer: MessageConsumer | null = null;
  #starting: Promise<void> = Promise.resolve();
  #lanes = LANES_MAX;
  readonly #waiting: Array<() => void> = [];

  constructor(private readonly parts: FleetIntakeParts) {
    this.#jobs = new FleetJobs(parts.pool);
    this.#producer = parts.messaging.producer('fleet-intake');
  }

  /** Begins in the background, for as long as it takes: a broker that is away holds no process up. `onReady`: the topics are there. */
  start(onReady: () => void = () => undefined): void {
    this.#starting = this.#begin(onReady);
  }

  /** What is under way is finished and committed; the rest is another's. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#starting;
    await this.#consumer?.stop();
    await this.#producer.close();
  }

  async #begin(onReady: () => void): Promise<void> {
    const { messaging, settings, logger } = this.parts;
    const { signal } = this.#stopping;
    const topics = [resultsTopic(settings), cancellationsTopic(settings), deadLettersTopic(settings)];
    while (!signal.aborted) {
      try {
        await messaging.ensureTopics(topics);
        break;
      } catch {
        await pause(RETRY_MS, signal);
      }
    }
    if (signal.aborted) return;
    onReady();
    this.#consumer = messaging.consume({
      groupId: `${settings.kafkaTopicPrefix}.fleet-intake`,
      topics: [resultsTopic(settings).name],
      handle: (messages, lost) => this.handle(messages, lost),
      onError: (err) => logger.warn({ err }, 'the results of the fleets could not be taken in; it is tried again'),
    });
  }

  /** Everything that the messages say is durable when this resolves. Throws where it is not: they are handed over again then. */
  async handle(messages: readonly IncomingMessage[], signal?: AbortSignal): Promise<void> {
    const letters: Letter[] = [];
    const readable: Array<{ message: IncomingMessage; said: FleetMessage }> = [];
    for (const message of messages) {
      const read = readResult(message);
      if ('message' in read) readable.push({ message, said: read.message });
      else letters.push({ message, ...read });
    }
    const taken = readable.length === 0 ? NOTHING : await this.#inLane(() => this.#take(readable, signal));
    await this.#bury([...letters, ...taken.letters]);
    for (const outcome of taken.outcomes) this.parts.metrics.messages.inc({ outcome });
    if (taken.stops.length > 0) await this.#tell(taken.stops);
  }

  async #take(readable: ReadonlyArray<{ message: IncomingMessage; said: FleetMessage }>, signal?: AbortSignal): Promise<Taken> {
    let taken: Taken = NOTHING;
    const jobIds = [...new Set(readable.map(({ said }) => said.jobId))];
    const messageIds = readable.map(({ said }) => said.messageId);
    await this.#jobs.change(jobIds, messageIds, async (jobs, isTaken, nowMs) => {
      const folded = this.#fold(readable, jobs, isTaken, nowMs);
      taken = folded.taken;
      for (const job of folded.verdicts) {
        // Its partition is another's by now, who does the same.
        signal?.throwIfAborted();
        await this.parts.recordLate(job, fleetReportOf(job, nowMs, false));
      }
      return folded.change;
    });
    return taken;
  }

  #fold(
    readable: ReadonlyArray<{ message: IncomingMessage; said: FleetMessage }>,
    before: ReadonlyMap<string, FleetJob>,
    isTaken: (jobId: string, messageId: string) => boolean,
    nowMs: number,
  ): { change: FleetChange; taken: Taken; verdicts: FleetJob[] } {
    const jobs = new Map(before);
    const ids = new Map<string, { jobId: string; messageId: string }>();
    const taken: Taken = { letters: [], stops: [], outcomes: [] };
    const news: string[] = [];
    const verdicts = new Set<string>();
    for (const { message, said } of readable) {
      const { jobId, messageId, saying } = said;
      const job = jobs.get(jobId);
      const flaw = this.#flawOf(said, job);
      if (job === undefined || flaw !== null) {
        taken.letters.push({ message, ...(flaw ?? UNKNOWN_JOB) });
        continue;
      }
      const id = `${jobId} ${messageId}`;
      if (ids.has(id) || isTaken(jobId, messageId)) {
        taken.outcomes.push('duplicate');
        continue;
      }
      if (!FORGETTABLE.has(saying.kind)) ids.set(id, { jobId, messageId });
      const { outcome, job: after, stop } = decideFleetMessage(job, said, nowMs);
      jobs.set(jobId, after);
      taken.outcomes.push(outcome);
      if (after.verdict !== null && job.verdict === null) verdicts.add(jobId);
      if (NEWS.has(outcome)) news.push(jobId);
      if (stop !== null) taken.stops.push(cancellationMessage(after, stop, this.#envelope()));
    }
    const changed = [...jobs].filter(([jobId, job]) => before.get(jobId) !== job).map(([, job]) => job);
    return { change: { jobs: changed, taken: [...ids.values()], news }, taken, verdicts: [...verdicts].map((jobId) => jobs.get(jobId)!) };
  }

  /** Why the message is nobody's word about a job of ours. */
  #flawOf({ attempt, token, saying }: FleetMessage, job: FleetJob | undefined): Omit<Letter, 'message'> | null {
    if (job === undefined) return UNKNOWN_JOB;
    if (!isGenuine(this.parts.secret, saying.kind, job.clientJobId, token))
      return { reason: 'forged_token', detail: 'the token is not the one that went out with this job' };
    if (attempt !== job.attempt) return { reason: 'wrong_attempt', detail: `the job is attempt ${job.attempt}, not ${attempt}` };
    return null;
  }

  async #bury(letters: readonly Letter[]): Promise<void> {
    if (letters.length === 0) return;
    const { settings, metrics, logger } = this.parts;
    await this.#producer.send(
      deadLettersTopic(settings).name,
      letters.map(({ message, reason, detail }) => deadLetter(message, reason, detail)),
    );
    for (const { message, reason, detail } of letters) {
      metrics.deadLetters.inc({ reason });
      const { topic, partition, offset } = message;
      logger.warn({ topic, partition, offset, reason, detail }, 'a message of a fleet worker went to the dead letters');
    }
  }

  /** Only a courtesy, said again with the next heartbeat. */
  async #tell(stops: readonly OutgoingMessage[]): Promise<void> {
    await this.#producer.send(cancellationsTopic(this.parts.settings).name, stops).catch((err: unknown) => {
      this.parts.logger.debug({ err }, 'workers could not be told to stop');
    });
  }

  async #inLane<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#lanes === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#lanes -= 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#lanes += 1;
      else next();
    }
  }

  #envelope(): { source: string; at: number } {
    return { source: `/rollcredits/${this.parts.settings.deploymentName}`, at: this.parts.clock.now() };
  }
}

const NOTHING: Taken = { letters: [], stops: [], outcomes: [] };
const UNKNOWN_JOB = { reason: 'unknown_job', detail: 'no such job was given out, or it was forgotten long ago' } as const;
const NEWS: ReadonlySet<FleetOutcome> = new Set(['verdict', 'late_verdict', 'released']);
