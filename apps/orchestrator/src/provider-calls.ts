// 5 react · calls vendors on behalf of tasks: makes the job from the submission, bounds the calls under way, counts every answer, lets nothing throw.
import type { Logger } from 'pino';
import type { Counter } from 'prom-client';
import { fromIso, shortestDecimal, type Iso, type JsonValue } from '#libs/kernel';
import type { Catalogue } from '#libs/catalogue';
import type { CustomerKeys, EventStore, StoredFact } from '#libs/event-store';
import type { CancelAnswer, JobReport, LookupAnswer, Provider, ProviderJob, SubmitAnswer } from '#libs/providers';
import type { SubmissionData } from '#libs/tasks';
import type { LiveTask } from './live-task.js';

export interface ProviderCallParts {
  providers: ReadonlyMap<string, Provider>;
  store: Pick<EventStore, 'readStream'>;
  keys: CustomerKeys;
  catalogue: Pick<Catalogue, 'model'>;
  logger: Logger;
  calls: Counter<'provider' | 'call' | 'answer'>;
}

export class ProviderCalls {
  readonly #gates = new Map<string, Gate>();

  constructor(private readonly parts: ProviderCallParts) {}

  provider(id: string): Provider | null {
    return this.parts.providers.get(id) ?? null;
  }

  /**
   * Throws where the job cannot be made, and where `mayAct` says no once its turn has come (another process may be submitting it by then):
   * either way nothing was sent.
   */
  async submit(provider: Provider, task: LiveTask, attempt: number, clientJobId: string, mayAct: () => boolean): Promise<SubmitAnswer> {
    const job = await this.#jobOf(task, attempt, clientJobId);
    const otherwise = { kind: 'unknown', detail: 'the call failed in our own adapter' } as const;
    const tooLate: SubmitAnswer = { kind: 'not_sent', detail: 'another process acts now' };
    const ask = (): Promise<SubmitAnswer> => (mayAct() ? provider.submit(job) : Promise.resolve(tooLate));
    const answer = await this.#call<SubmitAnswer>(provider, 'submit', ask, otherwise);
    if (answer === tooLate) throw new Error(`${task.taskId} was not submitted: the work was lost while it waited`);
    return answer;
  }

  lookup(provider: Provider, clientJobId: string): Promise<LookupAnswer> {
    if (!provider.capabilities.lookup) return Promise.resolve({ kind: 'unknown' });
    return this.#call(provider, 'lookup', () => provider.lookup(clientJobId), { kind: 'unknown' });
  }

  report(provider: Provider, providerJobId: string): Promise<JobReport> {
    return this.#call(provider, 'report', () => provider.report(providerJobId), {
      kind: 'unreachable',
      detail: 'the call failed in our own adapter',
    });
  }

  cancel(provider: Provider, providerJobId: string): Promise<CancelAnswer> {
    return this.#call(provider, 'cancel', () => provider.cancel(providerJobId), { kind: 'unknown' });
  }

  async #call<Answer extends { kind: string }>(
    provider: Provider,
    call: string,
    ask: () => Promise<Answer>,
    otherwise: Answer,
  ): Promise<Answer> {
    const gate = this.#gateOf(provider);
    await gate.enter();
    let answer: Answer;
    try {
      answer = await ask();
    } catch (error) {
      // An adapter answers for its vendor; one that throws has said nothing about what happened there.
      this.parts.logger.error({ err: error, provider: provider.id, call }, 'a provider adapter threw');
      answer = otherwise;
    } finally {
      gate.leave();
    }
    this.parts.calls.inc({ provider: provider.id, call, answer: answer.kind });
    return answer;
  }

  #gateOf(provider: Provider): Gate {
    let gate = this.#gates.get(provider.id);
    if (gate === undefined) {
      gate = new Gate(provider.capabilities.callsMax);
      this.#gates.set(provider.id, gate);
    }
    return gate;
  }

  async #jobOf(task: LiveTask, attempt: number, clientJobId: string): Promise<ProviderJob> {
    const fact = task.submitted ?? (await this.parts.store.readStream(task.stream, { limit: 1 }))[0];
    if (fact === undefined) throw new Error(`the stream of ${task.taskId} is empty`);
    const data = fact.data as unknown as SubmissionData & { deadlineAt: Iso };
    const model = this.parts.catalogue.model(data.model);
    const { outputType, durationSeconds } = data.parameters;
    return {
      clientJobId,
      tenant: task.tenant,
      taskId: task.taskId,
      attempt,
      model: data.model,
      family: data.family,
      prompt: await this.#promptOf(task, fact, data),
      parameters: data.parameters,
      outputType: OUTPUT_TYPES.find((known) => known === outputType) ?? model?.outputType ?? 'video',
      durationSeconds: decimalText(durationSeconds ?? model?.durationSeconds ?? null),
      deadlineAt: fromIso(data.deadlineAt),
    };
  }

  /** Null where there is none, or where it was forgotten on the customer's request. */
  async #promptOf(task: LiveTask, fact: StoredFact, data: SubmissionData): Promise<string | null> {
    if (data.prompt === null || fact.sealed === null) return null;
    const opener = await this.parts.keys.openerFor(task.tenant, task.accountId);
    const prompt = opener?.open(fact.sealed)['prompt'];
    return typeof prompt === 'string' ? prompt : null;
  }
}

const OUTPUT_TYPES = ['video', 'image', 'audio', 'text'] as const;

function decimalText(value: JsonValue): string | null {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? shortestDecimal(value) : null;
}

/** So many calls to one vendor at once, from this process. */
class Gate {
  #underWay = 0;
  readonly #waiting: Array<() => void> = [];

  constructor(private readonly callsMax: number) {}

  async enter(): Promise<void> {
    if (this.#underWay < this.callsMax) this.#underWay += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Who waits is handed the place itself: left free for a moment, it could be taken by whoever comes just then. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#underWay -= 1;
    else next();
  }
}
