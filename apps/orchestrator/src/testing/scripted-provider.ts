// A vendor that does as it is told, call by call: for what the simulator is too well behaved to do.
import type { CancelAnswer, JobReport, LookupAnswer, Provider, ProviderCapabilities, ProviderJob, SubmitAnswer } from '#libs/providers';

type Scripted<Answer> = Answer | Promise<Answer> | (() => Answer | Promise<Answer>);

export class ScriptedProvider implements Provider {
  readonly capabilities: ProviderCapabilities;
  readonly jobs: ProviderJob[] = [];
  readonly calls: string[] = [];
  /** Answers in order; the last one stays. */
  submits: Array<Scripted<SubmitAnswer>> = [() => ({ kind: 'accepted', providerJobId: `v_${this.jobs.at(-1)!.clientJobId}` })];
  reports: Array<Scripted<JobReport>> = [{ kind: 'running', percent: null }];
  lookups: Array<Scripted<LookupAnswer>> = [{ kind: 'unknown' }];
  cancels: Array<Scripted<CancelAnswer>> = [{ kind: 'unknown' }];
  readonly #listeners = new Set<(providerJobId: string) => void>();

  constructor(
    readonly id: string,
    capabilities: Partial<ProviderCapabilities> = {},
  ) {
    this.capabilities = {
      lookup: true,
      cancel: true,
      parameters: [],
      pollEveryMs: { first: 10, min: 10, max: 20 },
      callsMax: 16,
      jobsMax: null,
      ...capabilities,
    };
  }

  submit(job: ProviderJob): Promise<SubmitAnswer> {
    this.jobs.push(job);
    return this.#answer('submit', this.submits);
  }

  report(): Promise<JobReport> {
    return this.#answer('report', this.reports);
  }

  lookup(): Promise<LookupAnswer> {
    return this.#answer('lookup', this.lookups);
  }

  cancel(): Promise<CancelAnswer> {
    return this.#answer('cancel', this.cancels);
  }

  onHint(listener: (providerJobId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  hint(providerJobId: string): void {
    for (const listener of this.#listeners) listener(providerJobId);
  }

  validate(): [] {
    return [];
  }

  count(call: string): number {
    return this.calls.filter((made) => made === call).length;
  }

  async #answer<Answer>(call: string, answers: Array<Scripted<Answer>>): Promise<Answer> {
    this.calls.push(call);
    const scripted = (answers.length > 1 ? answers.shift() : answers[0]) as Scripted<Answer>;
    return typeof scripted === 'function' ? (scripted as () => Answer | Promise<Answer>)() : scripted;
  }
}
