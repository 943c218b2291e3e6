// 1 → 3 · imports a provider's bill: staged whole, judged, booked in batches of facts, summed up; called by the API, and again after a crash by the resumer.
import { commandIdOf, invariant, keyDigest, newCommandId, toIso, type Clock } from '#libs/kernel';
import { EventStoreUnavailable, type CommandMeta, type EventStore, type NewFact, type Position } from '#libs/event-store';
import { BillReader, type BillLine, type LineRules, type RejectedLine } from './bill-lines.js';
import { LINES_PER_STAGING, REJECTED_SHOWN_MAX } from './bill-limits.js';
import { billRecords } from './bill-records.js';
import type { BillLease, BillLeases, BillStaging, StagedBill } from './bill-staging.port.js';
import { billingNewFact, billingStream, type BillImported } from './billing.facts.js';
import type { BillView } from './bill.views.js';

export interface BillImportParts {
  staging: BillStaging;
  leases: BillLeases;
  store: Pick<EventStore, 'append' | 'headsOf' | 'findByKeyDigests' | 'head'>;
  projected: { waitFor(position: Position, timeoutMs: number): Promise<boolean> };
  clock: Clock;
  providerExists: LineRules['providerExists'];
  /** Whose stream tells of a bill none of whose lines was taken. */
  defaultProvider: string;
}

export interface BillUpload {
  tenant: string;
  actor: string;
  correlationId: string;
  causationId: string | null;
  format: 'csv' | 'ndjson';
  body: AsyncIterable<Uint8Array>;
}

const PROJECTED_TIMEOUT_MS = 60_000;
const LEASE_TIMEOUT_MS = 600_000;
const APPEND_ATTEMPTS_MAX = 20;
/** A body that has not arrived by then never will. */
const ARRIVAL_MS_MAX = 6 * 3_600_000;

export class BillImport {
  constructor(private readonly parts: BillImportParts) {}

  /** Throws an UnreadableBill, or what the body's stream threw: then nothing was imported. */
  async run(upload: BillUpload): Promise<BillView> {
    const billId = `bill_${newCommandId()}`;
    const bill = await this.#stage(billId, upload);
    return this.#underLease(bill, LEASE_TIMEOUT_MS, (lease) => this.#finishAfterOthers(bill, lease));
  }

  /** Ends what a process that is gone had begun. Bills that are under way elsewhere are left alone. */
  async resume(): Promise<void> {
    await this.parts.staging.discardAbandoned(ARRIVAL_MS_MAX);
    for (const bill of await this.parts.staging.unfinished(null, null))
      await this.#underLease(bill, 0, (lease) => this.#finishAfterOthers(bill, lease)).catch((error: unknown) => {
        if (!(error instanceof EventStoreUnavailable)) throw error;
      });
  }

  async #stage(billId: string, upload: BillUpload): Promise<StagedBill> {
    const { staging, clock, providerExists } = this.parts;
    const { tenant, actor, correlationId, causationId, format, body } = upload;
    await staging.begin({ billId, tenant, actor, correlationId, causationId });
    try {
      const reader = new BillReader(format, { providerExists, now: clock.now() });
      const rejected = { count: 0, first: [] as RejectedLine[] };
      let lines: BillLine[] = [];
      for await (const records of billRecords(body, format)) {
        for (const record of records) {
          const read = reader.read(record);
          if (read === null) continue;
          if ('errors' in read) {
            rejected.count += 1;
            if (rejected.first.length < REJECTED_SHOWN_MAX) rejected.first.push(read);
          } else lines.push(read);
        }
        if (lines.length < LINES_PER_STAGING) continue;
        await staging.add(billId, lines);
        lines = [];
      }
      reader.end();
      if (lines.length > 0) await staging.add(billId, lines);
      return await staging.complete(billId, rejected);
    } catch (error) {
      await staging.discard(billId);
      throw error;
    }
  }

  async #underLease<Result>(bill: StagedBill, timeoutMs: number, work: (lease: BillLease) => Promise<Result>): Promise<Result> {
    const names = this.#providersOf(bill).map((provider) => `bills-${bill.tenant}.${provider}`);
    const lease = await this.parts.leases.acquire(names, timeoutMs);
    if (lease === null) throw new EventStoreUnavailable('other bills of the provider are still being imported');
    try {
      return await work(lease);
    } finally {
      await lease.release();
    }
  }

  /** What was judged before must be in the books before anything else is judged: a line is seen by the bills behind it. */
  async #finishAfterOthers(bill: StagedBill, lease: BillLease): Promise<BillView> {
    const providers = this.#providersOf(bill);
    for (const other of await this.parts.staging.unfinished(bill.tenant, providers)) {
      const isOurs = other.billId !== bill.billId && other.state === 'judged';
      if (isOurs && this.#providersOf(other).every((provider) => providers.includes(provider))) await this.#finish(other, lease);
      else if (isOurs) await this.#bookLines(other, providers, lease);
    }
    return this.#finish(bill, lease);
  }

  async #finish(bill: StagedBill, lease: BillLease): Promise<BillView> {
    const { staging, store, clock } = this.parts;
    const ended = await this.#ended(bill);
    if (ended !== null) return ended;
    const known = await staging.find(bill.billId);
    if (known === null) return this.#imported(bill);
    if (known.state === 'staged') {
      if (!(await this.parts.projected.waitFor(await store.head(), PROJECTED_TIMEOUT_MS)))
        throw new EventStoreUnavailable('the read models lag too far behind the log');
      await staging.judge(bill.billId);
    }
    await this.#bookLines(bill, this.#providersOf(bill), lease);
    const summary = await staging.summary(bill.billId);
    if (summary === null) return this.#imported(bill);
    const fact: BillImported = { type: 'BillImported', data: { ...summary, importedAt: toIso(clock.now()) } };
    const [first] = this.#providersOf(bill) as [string];
    await this.#append(bill, first, 'imported', [billingNewFact(fact)], lease);
    return this.#imported(bill);
  }

  /** Only a bill that is in the log leaves the staging: whoever lost the lease meanwhile answers what its successor wrote. */
  async #imported(bill: StagedBill): Promise<BillView> {
    const view = await this.#ended(bill);
    invariant(view !== null, () => `bill ${bill.billId} is neither staged nor imported`);
    return view;
  }

  /** The answer is what the fact says, whoever wrote it. */
  async #ended(bill: StagedBill): Promise<BillView | null> {
    const digest = digestOf(bill, 'imported');
    const stored = (await this.parts.store.findByKeyDigests([digest])).get(digest.toString('hex'));
    if (stored === undefined) return null;
    await this.parts.staging.discard(bill.billId);
    return billView(stored.data as unknown as BillImported['data'], stored.position);
  }

  async #bookLines(bill: StagedBill, providers: readonly string[], lease: BillLease): Promise<void> {
    for (const provider of bill.providers.filter((each) => providers.includes(each))) {
      const batches = await this.parts.staging.batches(bill.billId, provider);
      for (let batch = 0; batch < batches; batch += 1) {
        const facts = await this.parts.staging.batch(bill.billId, provider, batch);
        await this.#append(bill, provider, `${provider} ${batch}`, facts.map(billingNewFact), lease);
      }
    }
    const head = await this.parts.store.head();
    if (!(await this.parts.projected.waitFor(head, PROJECTED_TIMEOUT_MS)))
      throw new EventStoreUnavailable('the read models lag too far behind the log');
  }

  /** Each batch carries a key of its own, made of the bill and its number: the log refuses it a second time for good, whoever brings it. */
  async #append(bill: StagedBill, provider: string, part: string, facts: NewFact[], lease: BillLease): Promise<void> {
    const { store } = this.parts;
    const stream = billingStream(bill.tenant, provider);
    const keyed = digestOf(bill, part);
    const { tenant, actor, correlationId, causationId } = bill;
    const meta: CommandMeta = {
      ...{ commandId: commandIdOf(keyed), tenant, actor, correlationId, causationId, requestHash: null, keyDigest: keyed },
    };
    for (let attempt = 0; attempt < APPEND_ATTEMPTS_MAX; attempt += 1) {
      if ((await store.findByKeyDigests([keyed])).size > 0) return;
      if (!lease.held()) throw new EventStoreUnavailable('another process imports bills of the provider by now');
      const expectedRevision = (await store.headsOf([stream])).get(stream) ?? -1;
      const appended = await store.append({ meta, appends: [{ stream, expectedRevision, facts }] });
      if (appended.ok || appended.conflict === 'key') return;
    }
    throw new EventStoreUnavailable(`${stream} changed under ${APPEND_ATTEMPTS_MAX} attempts`);
  }

  #providersOf(bill: StagedBill): string[] {
    return bill.providers.length === 0 ? [this.parts.defaultProvider] : bill.providers;
  }
}

/** An HTTP key is never empty, so no request can stand in its way. */
function digestOf(bill: StagedBill, part: string): Buffer {
  return keyDigest(bill.tenant, '', `bill ${bill.billId} ${part}`);
}

function billView(data: BillImported['data'], position: Position): BillView {
  const { billId: id, lines, matched, differing, orphans, missing, duplicates, rejectedCount, rejected, drift } = data;
  const credits = Number(drift.credits);
  return { id, lines, matched, differing, orphans, missing, duplicates, rejectedCount, rejected, drift: { ...drift, credits }, position };
}
