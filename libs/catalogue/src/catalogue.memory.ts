// 4 project · the catalogue as every process holds it: folded from its streams at start, followed ever after, and asked for every price.
import { setTimeout as delay } from 'node:timers/promises';
import type { InstantMs, JsonObject, Refusal } from '#libs/kernel';
import { POSITION_START, type EventStore, type Position, type StoredFact } from '#libs/event-store';
import type { ModelFact, PlanFact } from './catalogue.facts.js';
import type { Catalogue, CatalogueModel, CataloguePlan, Priced } from './catalogue.port.js';
import { evolveModel } from './model.decider.js';
import type { ProviderRules } from './parameters.js';
import { evolvePlan } from './plan.decider.js';
import { priceRequest } from './pricing.js';

const STREAM_PREFIXES = ['model-', 'plan-'];
const PAGE_FACTS = 500;
/** How long to wait before a store that was lost is asked again. */
const RECONNECT_MS = 500;

interface Waiter {
  position: Position;
  resolve: (reached: boolean) => void;
}

export class CatalogueMemory implements Catalogue {
  private readonly modelsById = new Map<string, CatalogueModel>();
  private readonly plansById = new Map<string, CataloguePlan>();
  private readonly waiters = new Set<Waiter>();
  private reached: Position = POSITION_START;
  private changed: Position = POSITION_START;
  private stop: (() => Promise<void>) | null = null;

  constructor(
    private readonly store: EventStore,
    private readonly providers: ReadonlyMap<string, ProviderRules>,
    private readonly onLost: (error: unknown) => void = () => undefined,
  ) {}

  // ── Asked by every context ────────────────────────────────────────────────────────────────────────────────────────────────────────

  price(modelId: string, parameters: JsonObject | undefined, at: InstantMs): Priced | Refusal<'unknown_model' | 'validation_failed'> {
    const model = this.model(modelId);
    const provider = model === null ? null : (this.providers.get(model.provider) ?? null);
    return priceRequest(model, modelId, parameters, at, provider);
  }

  model(id: string): CatalogueModel | null {
    return this.modelsById.get(id) ?? null;
  }

  models(): CatalogueModel[] {
    return [...this.modelsById.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  plan(id: string): CataloguePlan | null {
    return this.plansById.get(id) ?? null;
  }

  plans(): CataloguePlan[] {
    return [...this.plansById.values()].sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1));
  }

  providerExists(id: string): boolean {
    return this.providers.has(id);
  }

  get position(): Position {
    return this.reached;
  }

  changedAt(): Position {
    return this.changed;
  }

  async waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    if (this.reached >= position) return true;
    return new Promise((resolve) => {
      const waiter: Waiter = {
        position,
        resolve: (reached) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve(reached);
        },
      };
      const timer = setTimeout(() => waiter.resolve(false), timeoutMs);
      this.waiters.add(waiter);
    });
  }

  // ── Kept up with the log ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Catches up with the log, then follows it until {@link close}. */
  async start(): Promise<void> {
    await this.refresh();
    const abort = new AbortController();
    const following = this.follow(abort.signal);
    this.stop = async () => {
      abort.abort();
      await following;
    };
  }

  /** What is known stays in use: requests under way may still ask for prices. */
  async close(): Promise<void> {
    await this.stop?.();
    this.stop = null;
  }

  async refresh(): Promise<void> {
    let after = this.reached;
    for (;;) {
      const page = await this.store.readAll({ after, limit: PAGE_FACTS, streamPrefixes: STREAM_PREFIXES });
      this.apply(page.facts);
      this.advance(page.position);
      after = page.position;
      if (page.atEnd) return;
    }
  }

  /** Facts of whole streams in order of revision: one's own just written, or a page of the log. What is known already is passed over. */
  apply(facts: readonly StoredFact[]): void {
    for (const fact of facts) {
      const place = { revision: fact.revision, position: fact.position };
      if (fact.position > this.changed) this.changed = fact.position;
      if (fact.stream.startsWith('plan-')) {
        const stated = { type: fact.type, data: fact.data } as unknown as PlanFact;
        const known = this.plansById.get(stated.data.planId)?.revision ?? -1;
        if (fact.revision > known) this.plansById.set(stated.data.planId, evolvePlan(stated, place));
      } else {
        const stated = { type: fact.type, data: fact.data } as unknown as ModelFact;
        const known = this.modelsById.get(stated.data.modelId) ?? null;
        if (fact.revision > (known?.revision ?? -1)) this.modelsById.set(stated.data.modelId, evolveModel(known, stated, place));
      }
    }
  }

  private async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const pages = this.store.subscribe({ after: this.reached, streamPrefixes: STREAM_PREFIXES, signal });
        for await (const page of pages) {
          this.apply(page.facts);
          this.advance(page.position);
        }
      } catch (error) {
        // What is known stays in use: prices do not change because the store is away, and no write is possible until it is back.
        this.onLost(error);
        await delay(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private advance(position: Position): void {
    if (position <= this.reached) return;
    this.reached = position;
    for (const waiter of [...this.waiters]) if (waiter.position <= position) waiter.resolve(true);
  }
}
