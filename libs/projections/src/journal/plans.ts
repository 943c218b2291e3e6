// 4 project · the plan that an account was on when a fact took effect, remembered beside the journal; called by project.ts.
import { LRUCache } from 'lru-cache';
import { fromIso, type InstantMs } from '#libs/kernel';
import type { StoredFact } from '#libs/event-store';
import type { AccountFact } from '#libs/ledger';
import { textArray } from '../engine/binary-arrays.js';
import { versioned, type ReadRows, type Statement } from '../engine/read-model.port.js';

export interface PlanChange {
  stream: string;
  since: InstantMs;
  plan: string;
}

const SELECT_PLANS = `
  SELECT s.stream, p.plan FROM unnest($1::text[]) AS s(stream)
    CROSS JOIN LATERAL (SELECT plan FROM journal_plan_vN AS p WHERE p.stream = s.stream ORDER BY since DESC LIMIT 1) AS p`;
const SELECT_HISTORIES = 'SELECT stream, since, plan FROM journal_plan_vN WHERE stream = ANY($1::text[]) ORDER BY stream, since DESC';

const PLANS_MAX = 100_000;

export class PlansOfAccounts {
  readonly #plans = new LRUCache<string, string>({ max: PLANS_MAX });
  /** Of the accounts that this batch's bills are about, latest first. */
  #histories = new Map<string, Array<{ since: InstantMs; plan: string }>>();
  changes: PlanChange[] = [];
  /** What this batch says, over what was known: an LRU may have dropped it by the end of the batch. */
  #now = new Map<string, string>();

  constructor(private readonly version: number) {}

  async load(facts: readonly StoredFact[], read: ReadRows): Promise<void> {
    const unknown = new Set<string>();
    const billed = new Set<string>();
    for (const fact of facts) {
      if (fact.stream.startsWith('account-')) {
        if (fact.type !== 'AccountOpened' && !this.#now.has(fact.stream)) {
          const plan = this.#plans.get(fact.stream);
          if (plan === undefined) unknown.add(fact.stream);
          else this.#now.set(fact.stream, plan);
        }
      } else if (fact.type === 'BillLineBooked' && fact.data['accountId'] !== null) {
        billed.add(`account-${fact.tenant}.${fact.data['accountId'] as string}`);
      }
    }
    if (unknown.size > 0) {
      for (const row of await read<{ stream: string; plan: string }>(this.#statement('plans', SELECT_PLANS, [...unknown])))
        this.#now.set(row.stream, row.plan);
    }
    if (billed.size > 0) {
      for (const row of await read<{ stream: string; since: Date; plan: string }>(
        this.#statement('histories', SELECT_HISTORIES, [...billed]),
      )) {
        const history = this.#histories.get(row.stream) ?? [];
        history.push({ since: row.since.getTime(), plan: row.plan });
        this.#histories.set(row.stream, history);
      }
    }
  }

  /** Called before the fact is posted: a reset's grant belongs to the plan that it begins. */
  fold(stream: string, fact: AccountFact, effectiveAt: InstantMs): void {
    if (fact.type === 'AccountOpened') this.#change(stream, fromIso(fact.data.decidedAt), fact.data.plan);
    else if (fact.type === 'PlanChanged' && fact.data.effective === 'now') this.#change(stream, effectiveAt, fact.data.to);
    else if (fact.type === 'CycleReset' && fact.data.plan !== this.#now.get(stream)) this.#change(stream, effectiveAt, fact.data.plan);
  }

  of(stream: string): string {
    return this.#now.get(stream) ?? '';
  }

  /** A bill may be about a time long past; before its first plan an account has its first. */
  at(stream: string, instant: InstantMs): string {
    const changed = this.changes.findLast((change) => change.stream === stream && change.since <= instant);
    const history = this.#histories.get(stream) ?? [];
    const known = history.find(({ since }) => since <= instant) ?? history.at(-1);
    // Which batch its opening came in must not matter.
    if (changed === undefined) return (known ?? this.changes.find((change) => change.stream === stream))?.plan ?? '';
    return known !== undefined && known.since > changed.since ? known.plan : changed.plan;
  }

  committed(): void {
    for (const [stream, plan] of this.#now) this.#plans.set(stream, plan);
    this.#forget();
  }

  aborted(): void {
    this.#plans.clear();
    this.#forget();
  }

  #forget(): void {
    this.#now = new Map();
    this.#histories = new Map();
    this.changes = [];
  }

  #change(stream: string, since: InstantMs, plan: string): void {
    this.#now.set(stream, plan);
    const last = this.changes.findLast((change) => change.stream === stream);
    if (last?.since === since) last.plan = plan;
    else this.changes.push({ stream, since, plan });
  }

  #statement(name: string, text: string, streams: string[]): Statement {
    return { name: `journal_v${this.version}_${name}`, text: versioned(text, this.version), values: [textArray(streams)] };
  }
}
