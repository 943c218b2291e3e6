// 5 react · what the orchestrator asks of a vendor. An adapter says what it knows and never guesses: unknown is an answer of its own.
import type { InstantMs, JsonObject, Money } from '#libs/kernel';

export interface ProviderAsset {
  url: string;
  mediaType: string;
  /** Exact decimal string. */
  durationSeconds: string | null;
}

/** An asset that its adapter has itself, with what is known of it. */
export interface ProviderContent {
  bytes: Buffer;
  mediaType: string;
  /** Exact decimal string; null where it has none. */
  durationSeconds: string | null;
  width: number | null;
  height: number | null;
}

export interface ProviderJob {
  /** Our own id of this attempt, unique for good: idempotency key where the vendor takes one, look-up id where it has one. */
  clientJobId: string;
  tenant: string;
  taskId: string;
  attempt: number;
  model: string;
  /** Of the model, as it was when the task was submitted. */
  family: string;
  prompt: string | null;
  parameters: JsonObject;
  /** What is asked for: the parameters' own, else the model's. */
  outputType: 'video' | 'image' | 'audio' | 'text';
  /** Likewise; exact decimal string. */
  durationSeconds: string | null;
  deadlineAt: InstantMs;
}

export type SubmitAnswer =
  | { kind: 'accepted'; providerJobId: string }
  /** An explicit no: nothing was created. */
  | { kind: 'rejected'; code: string; detail: string; retryable: boolean }
  /**
   * Connection refused before anything was sent: nothing was created, safe to try again. `untilDeadline`: the way there is known to be closed
   * for everybody, so that it is tried until the deadline rather than a few times.
   */
  | { kind: 'not_sent'; detail: string; untilDeadline?: true }
  /** Read time-out or disconnect: it may exist. No retry, no fallback; look it up. */
  | { kind: 'unknown'; detail: string };

export type JobReport =
  | { kind: 'running'; percent: number | null }
  | {
      kind: 'succeeded';
      assets: ProviderAsset[];
      /** "0"…"1", at most 6 decimals; above "1" only where the vendor says that it used more. */ deliveredFraction: string;
      actualDurationSeconds: string | null;
      cost: Money | null;
    }
  | {
      kind: 'failed';
      code: string;
      detail: string;
      blame: 'customer' | 'provider';
      retryable: boolean;
      cost: Money | null;
      /** It may be run again under a new attempt: the vendor's terms say that nobody pays twice for it. */ mayRunAgain?: true;
    }
  /** Given up without a verdict: whoever had it fell silent. A verdict that still comes is a late result. */
  | { kind: 'lost'; detail: string; mayRunAgain: boolean }
  /** Nobody has it any more, and nothing was done: to be submitted again under the same id. */
  | { kind: 'returned' }
  | { kind: 'cancelled'; cost: Money | null }
  /** A status that this adapter does not know: keep holding, alert. */
  | { kind: 'unrecognised'; status: string }
  | { kind: 'unreachable'; detail: string };

export type LookupAnswer = { kind: 'found'; providerJobId: string } | { kind: 'never_created' } | { kind: 'unknown' };
export type CancelAnswer =
  | { kind: 'cancelled'; cost: Money | null }
  /** Nobody had begun it, as far as is known: it ends here, and a verdict that still comes is a late result. */
  | { kind: 'withdrawn' }
  | { kind: 'too_late' }
  | { kind: 'requested' }
  | { kind: 'unknown' };

/** The vendor's own rules, declared rather than discovered (research: no two vendors agree). */
export interface ProviderCapabilities {
  /** Can find a job by `clientJobId`. */
  lookup: boolean;
  cancel: boolean;
  /** Parameter names beyond the product's own that it takes; `simulate` for the simulator. */
  parameters: readonly string[];
  pollEveryMs: { first: number; min: number; max: number };
  /** Calls that may be under way at once, from one process. */
  callsMax: number;
  /** Jobs that may run at the vendor at once, over the whole deployment, from their submission to their verdict; null where it sets no bound. */
  jobsMax: number | null;
}

export interface Provider {
  readonly id: string;
  readonly capabilities: ProviderCapabilities;
  /** Never throws for what the vendor did; answers within its own time-out. */
  submit(job: ProviderJob): Promise<SubmitAnswer>;
  report(providerJobId: string): Promise<JobReport>;
  lookup(clientJobId: string): Promise<LookupAnswer>;
  cancel(providerJobId: string): Promise<CancelAnswer>;
  /** The content behind an asset's URL where the adapter has it itself; null: the URL is to be followed like any other, as all are without this. */
  contentOf?(url: URL): ProviderContent | null;
  /** A hint that a job may have news: wakes a poll, never moves money. */
  onHint(listener: (providerJobId: string) => void): () => void;
  /** Field errors of `parameters.<name>` that it declares; none means fine. */
  validate(parameters: JsonObject): Array<{ pointer: string; detail: string }>;
}
