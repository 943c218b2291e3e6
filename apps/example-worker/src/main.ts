// An example worker of a fleet: takes jobs from Kafka, says that it is at work, hands over what it made. Copy this one file; it needs kafkajs and nothing of ours.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Kafka, logLevel, Partitioners, type KafkaMessage } from 'kafkajs';

// ── Settings ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const env = process.env;
const BROKERS = (env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',');
const PREFIX = env['KAFKA_TOPIC_PREFIX'] ?? 'rollcredits';
/** The model families that this worker can do. */
const FAMILIES = (env['WORKER_FAMILIES'] ?? 'kling').split(',');
/** Unique among all that are at work. */
const NAME = env['WORKER_NAME'] ?? `${hostname()}-${process.pid}`;
/** How many jobs this worker does at once. */
const JOBS_AT_ONCE = Number(env['WORKER_JOBS_AT_ONCE'] ?? 1);
/** How long this example pretends to work. */
const WORK_MS = Number(env['WORKER_WORK_MS'] ?? 2_000);
/** What this example does with its jobs, for demonstrations: succeed, fail, fail_once, release_once. `parameters.fleet.do` wins over it. */
const BEHAVIOUR = env['WORKER_BEHAVIOUR'] ?? 'succeed';
/** Longer than one job takes; after that much silence Kafka gives the jobs that were not begun to another worker. */
const SESSION_MS = Number(env['WORKER_SESSION_MS'] ?? 30_000);

// ── Messages (docs/fleets.md) ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Job {
  jobId: string;
  taskId: string;
  attempt: number;
  model: string;
  prompt: string | null;
  /** `fleet` is ours to define: this example takes what to do, and how long to pretend. */
  parameters: Record<string, unknown> & { fleet?: { do?: string; workMs?: number } };
  outputType?: string;
  durationSeconds?: string | null;
  deadlineAt: string;
  heartbeatEveryMs: number;
  token: string;
}

interface Cancellation {
  jobId: string;
  worker: string | null;
  reason: string;
}

const RESULTS = `${PREFIX}.results.v1`;
const CANCELLATIONS = `${PREFIX}.cancellations.v1`;

const kafka = new Kafka({ clientId: NAME, brokers: BROKERS, logLevel: logLevel.NOTHING });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner });
// Every worker of a family is a member of one group, so that each job goes to one of them. Offsets are committed when a job is over: a job whose
// worker dies is handed to another one, who finds by the job's id whether it still wants doing.
const jobs = kafka.consumer({
  groupId: `${PREFIX}.workers.${FAMILIES.join('.')}`,
  sessionTimeout: SESSION_MS,
  heartbeatInterval: SESSION_MS / 5,
  maxWaitTimeInMs: 100,
  allowAutoTopicCreation: false,
});
// Cancellations go to everybody, so this group is this worker's own.
const cancellations = kafka.consumer({
  groupId: `${PREFIX}.worker.${NAME}.${randomUUID()}`,
  maxWaitTimeInMs: 100,
  allowAutoTopicCreation: false,
});

/** kafkajs reorders sends that are under way together, and a heartbeat must not overtake a verdict. */
let last: Promise<unknown> = Promise.resolve();

function say(job: Job, kind: string, more: object = {}): Promise<void> {
  const { jobId, attempt, token, taskId } = job;
  const message = {
    // The task's id, so that what is said of one job stays in order.
    key: taskId,
    value: JSON.stringify({ jobId, attempt, token, kind, worker: NAME, ...more }),
    headers: {
      ce_specversion: '1.0',
      // An id of its own: the same message delivered twice counts once.
      ce_id: randomUUID(),
      ce_source: `/workers/${NAME}`,
      ce_type: `rollcredits.fleet.${kind}.v1`,
      'content-type': 'application/json',
    },
  };
  const sent = last.then(() => producer.send({ topic: RESULTS, messages: [message], acks: -1 }));
  last = sent.catch(() => undefined);
  return sent.then(() => undefined);
}

// ── One job ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const running = new Map<string, AbortController>();
/** Jobs that are over here: the same job may be handed over twice. */
const done = new Set<string>();
/** Jobs that were cancelled before they came. */
const unwanted = new Set<string>();

async function work(message: KafkaMessage): Promise<void> {
  const job = JSON.parse(message.value?.toString() ?? 'null') as Job;
  // A job that was given back comes again with the same id as a new message; one that was only sent twice has the same `ce_id`.
  const messageId = message.headers?.['ce_id']?.toString() ?? job.jobId;
  if (done.has(messageId) || running.has(job.jobId) || unwanted.delete(job.jobId)) return;
  const leftMs = Date.parse(job.deadlineAt) - Date.now();
  if (leftMs <= 0) return;

  const stop = new AbortController();
  running.set(job.jobId, stop);
  const deadline = setTimeout(() => stop.abort(LATE), Math.min(leftMs, 2 ** 31 - 1));
  let progress = 0;
  try {
    await say(job, 'claimed');
  } catch (error) {
    // Kafka hands it over again, and must find nobody at it.
    clearTimeout(deadline);
    running.delete(job.jobId);
    throw error;
  }
  const heart = setInterval(() => void say(job, 'heartbeat', { progress }).catch(() => undefined), job.heartbeatEveryMs);
  try {
    await generate(job, stop.signal, (percent) => {
      progress = percent;
    });
  } catch (error) {
    await giveUp(job, stop.signal.aborted ? String(stop.signal.reason) : null, error as Error);
  } finally {
    clearInterval(heart);
    clearTimeout(deadline);
    running.delete(job.jobId);
    done.add(messageId);
    if (done.size > 10_000) done.delete(done.values().next().value as string);
  }
}

/** What is said of a job that did not end well depends on why. */
async function giveUp(job: Job, stopped: string | null, error: Error): Promise<void> {
  switch (stopped) {
    case null:
      return say(job, 'failed', { code: 'render_failed', detail: error.message, retryable: true });
    case STOPPING:
      return say(job, 'released');
    case 'cancelled':
    case LATE:
      return say(job, 'failed', { code: 'cancelled', detail: stopped, retryable: false });
    default:
      // Another worker has it, or nobody waits for this attempt any more: there is nothing to say.
      return;
  }
}

const LATE = 'the deadline has passed';
const STOPPING = 'the worker stops';
const seenOnce = new Set<string>();

/** Here a real worker calls its model. This one waits, and then does what it was told to. Throws when `signal` says so. */
async function generate(job: Job, signal: AbortSignal, onProgress: (percent: number) => void): Promise<void> {
  const behaviour = job.parameters.fleet?.do ?? BEHAVIOUR;
  const workMs = job.parameters.fleet?.workMs ?? WORK_MS;
  const isFirst = !seenOnce.has(job.taskId);
  seenOnce.add(job.taskId);
  if (behaviour === 'release_once' && isFirst && job.attempt === 1) return say(job, 'released');
  const startedAt = Date.now();
  for (let spentMs = 0; spentMs < workMs; spentMs = Date.now() - startedAt) {
    await sleep(Math.min(50, workMs - spentMs), signal);
    onProgress(Math.min(99, Math.floor((spentMs * 100) / workMs)));
  }
  if (behaviour === 'fail' || (behaviour === 'fail_once' && job.attempt === 1)) {
    return say(job, 'failed', { code: 'out_of_memory', detail: 'the GPU ran out of memory', retryable: behaviour === 'fail_once' });
  }
  const asset = {
    url: `https://assets.fleet.example/${job.jobId}.mp4`,
    mediaType: 'video/mp4',
    durationSeconds: job.durationSeconds ?? null,
  };
  await say(job, 'succeeded', { assets: [asset], deliveredFraction: 1, cost: { currency: 'USD', amountMinor: 12 } });
}

function sleep(timeMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, timeMs);
    signal.addEventListener('abort', () => (clearTimeout(timer), reject(new Error(String(signal.reason)))), { once: true });
    if (signal.aborted) reject(new Error(String(signal.reason)));
  });
}

// ── Life ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

await Promise.all([producer.connect(), jobs.connect(), cancellations.connect()]);
// The topics are made when the first job of a family goes out; until then there is nothing to do.
await whenThere(() => cancellations.subscribe({ topics: [CANCELLATIONS], fromBeginning: false }));
await cancellations.run({
  eachMessage: async ({ message }) => {
    const { jobId, worker, reason } = JSON.parse(message.value?.toString() ?? '{}') as Cancellation;
    if (worker !== null && worker !== NAME) return;
    const job = running.get(jobId);
    if (job !== undefined) job.abort(reason);
    else unwanted.add(jobId);
  },
});
await whenThere(() => jobs.subscribe({ topics: FAMILIES.map((family) => `${PREFIX}.jobs.${family}.v1`), fromBeginning: true }));
await jobs.run({
  partitionsConsumedConcurrently: JOBS_AT_ONCE,
  eachBatchAutoResolve: false,
  eachBatch: async (payload) => {
    for (const message of payload.batch.messages) {
      if (!payload.isRunning() || payload.isStale()) return;
      // A job may take longer than Kafka waits for a sign of life.
      const alive = setInterval(() => void payload.heartbeat().catch(() => undefined), SESSION_MS / 10);
      await work(message).finally(() => clearInterval(alive));
      payload.resolveOffset(message.offset);
      await payload.commitOffsetsIfNecessary();
    }
  },
});
process.stdout.write(`Worker ${NAME} works on ${FAMILIES.join(', ')}.\n`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    // What is under way is given back rather than left to fall silent.
    for (const job of running.values()) job.abort(STOPPING);
    void jobs
      .disconnect()
      .then(() => last)
      .then(() => Promise.all([cancellations.disconnect(), producer.disconnect()]))
      .then(() => process.exit(0));
  });
}

async function whenThere(subscribe: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await subscribe();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
