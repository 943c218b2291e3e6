// 4 project · attempts by their provider's job id with what is booked for them, and the lines of provider bills; run by the projection engine.
import { fromIso, type InstantMs } from '#libs/kernel';
import { tenantStream, type StoredFact } from '#libs/event-store';
import type { BillingFact } from '#libs/finance';
import type { AccountFact, ProviderCost } from '#libs/ledger';
import type { TaskFact } from '#libs/tasks';
import { bigintArray, boolArray, instantArray, intArray, textArray } from '../engine/binary-arrays.js';
import { type Projection, type ReadModel, type Statement, versioned } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';

/** Each column is said by one fact once, so what the batch does not say is left as it is; costs of one attempt in one currency add up. */
const JOBS = `
  INSERT INTO provider_job_vN AS r (stream, attempt, tenant, provider, provider_job_id, verdict_at, has_completed, cost_minor, currency, is_absorbed)
  SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bool[], $8::int8[], $9::text[], $10::bool[])
  ON CONFLICT (stream, attempt) DO UPDATE
    SET provider = CASE WHEN excluded.provider = '' THEN r.provider ELSE excluded.provider END,
        provider_job_id = coalesce(excluded.provider_job_id, r.provider_job_id), verdict_at = coalesce(excluded.verdict_at, r.verdict_at),
        has_completed = r.has_completed OR excluded.has_completed, cost_minor = coalesce(excluded.cost_minor, r.cost_minor),
        currency = coalesce(excluded.currency, r.currency),
        is_absorbed = CASE WHEN excluded.cost_minor IS NULL THEN r.is_absorbed ELSE excluded.is_absorbed END`;

const LINES = `
  INSERT INTO bill_line_vN (tenant, bill_id, ordinal, provider, provider_job_id, billed_at, amount_minor, currency, units, state, task_id, booked_minor,
                            position)
  SELECT tenant, bill_id, ordinal, provider, provider_job_id, billed_at, amount_minor, currency, units::numeric, state, task_id, booked_minor, position
    FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::text[], $6::timestamptz[], $7::int8[], $8::text[], $9::text[], $10::text[],
                $11::text[], $12::int8[], $13::text[])
         AS t(tenant, bill_id, ordinal, provider, provider_job_id, billed_at, amount_minor, currency, units, state, task_id, booked_minor, position)`;

const BILLS = `INSERT INTO bill_vN (tenant, bill_id, position) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])`;

interface Job {
  stream: string;
  attempt: number;
  tenant: string;
  /** Empty while no fact of the batch names it. */
  provider: string;
  providerJobId: string | null;
  verdictAt: InstantMs | null;
  hasCompleted: boolean;
  cost: ProviderCost | null;
}

interface Line {
  tenant: string;
  billId: string;
  ordinal: number;
  provider: string;
  providerJobId: string | null;
  billedAt: InstantMs | null;
  amountMinor: number | null;
  currency: string;
  units: string | null;
  state: string;
  taskId: string | null;
  bookedMinor: number;
  position: string;
}

class ProviderBillsProjection implements Projection {
  #jobs = new Map<string, Job>();
  #lines: Line[] = [];
  #bills: Array<{ tenant: string; billId: string; position: string }> = [];

  constructor(private readonly version: number) {}

  async load(): Promise<void> {
    // Facts say what changes; nothing has to be looked up.
  }

  fold(facts: readonly StoredFact[]): void {
    for (const fact of facts) {
      if (fact.stream.startsWith('task-')) this.#foldTask(fact, fact as unknown as TaskFact);
      else if (fact.stream.startsWith('account-')) this.#foldAccount(fact, fact as unknown as AccountFact);
      else if (fact.stream.startsWith('billing-')) this.#foldBilling(fact, fact as unknown as BillingFact);
    }
  }

  #foldTask({ stream, tenant }: StoredFact, fact: TaskFact): void {
    switch (fact.type) {
      case 'TaskDispatched':
        this.#job(stream, tenant, fact.data.attempt).provider = fact.data.provider;
        return;
      case 'TaskAccepted':
        this.#job(stream, tenant, fact.data.attempt).providerJobId = fact.data.providerJobId;
        return;
      case 'TaskAttemptFailed':
      case 'TaskCompleted':
      case 'TaskFailed':
      case 'TaskCancelled':
      case 'LateResultArrived': {
        if (fact.data.attempt === null) return;
        const job = this.#job(stream, tenant, fact.data.attempt);
        job.verdictAt = fromIso(fact.data.decidedAt);
        job.hasCompleted ||= fact.type === 'TaskCompleted';
        return;
      }
      default:
        return;
    }
  }

  #foldAccount({ tenant }: StoredFact, fact: AccountFact): void {
    switch (fact.type) {
      case 'CreditsConsumed':
      case 'CreditsRefunded':
        for (const cost of fact.data.providerCost) this.#cost(tenant, fact.data.taskId, cost);
        return;
      case 'ProviderCostBooked':
        this.#cost(tenant, fact.data.taskId, fact.data.providerCost);
        return;
      default:
        return;
    }
  }

  #cost(tenant: string, taskId: string, cost: ProviderCost): void {
    const job = this.#job(tenantStream('task', tenant, taskId), tenant, cost.attempt);
    job.provider = cost.provider;
    job.cost = cost;
    if (cost.providerJobId !== null) job.providerJobId = cost.providerJobId;
  }

  #foldBilling({ tenant, position }: StoredFact, fact: BillingFact): void {
    switch (fact.type) {
      case 'BillLineBooked': {
        const { billId, line, provider, providerJobId, billedAt, billed, units, state, taskId, booked } = fact.data;
        this.#lines.push({
          ...{ tenant, billId, ordinal: line, provider, providerJobId, billedAt: fromIso(billedAt), amountMinor: billed.amountMinor },
          ...{ currency: billed.currency, units, state, taskId, bookedMinor: billed.amountMinor - booked.amountMinor, position },
        });
        return;
      }
      case 'BillJobsMissing':
        for (const { ordinal, providerJobId, taskId, cost } of fact.data.jobs)
          this.#lines.push({
            ...{
              tenant,
              billId: fact.data.billId,
              ordinal,
              provider: fact.data.provider,
              providerJobId,
              billedAt: null,
              amountMinor: null,
            },
            ...{ currency: cost.currency, units: null, state: 'missing', taskId, bookedMinor: cost.amountMinor, position },
          });
        return;
      case 'BillImported':
        this.#bills.push({ tenant, billId: fact.data.billId, position });
        return;
    }
  }

  #job(stream: string, tenant: string, attempt: number): Job {
    const key = `${stream} ${attempt}`;
    let job = this.#jobs.get(key);
    if (job === undefined) {
      job = { stream, attempt, tenant, provider: '', providerJobId: null, verdictAt: null, hasCompleted: false, cost: null };
      this.#jobs.set(key, job);
    }
    return job;
  }

  write(): Statement[] {
    const statements: Statement[] = [];
    if (this.#jobs.size > 0) statements.push(this.#writeJobs([...this.#jobs.values()]));
    if (this.#lines.length > 0) statements.push(this.#writeLines(this.#lines));
    if (this.#bills.length > 0)
      statements.push(
        this.#statement('bills', BILLS, [
          textArray(this.#bills.map((bill) => bill.tenant)),
          textArray(this.#bills.map((bill) => bill.billId)),
          textArray(this.#bills.map((bill) => bill.position)),
        ]),
      );
    return statements;
  }

  #writeJobs(jobs: readonly Job[]): Statement {
    return this.#statement('jobs', JOBS, [
      textArray(jobs.map((job) => job.stream)),
      intArray(jobs.map((job) => job.attempt)),
      textArray(jobs.map((job) => job.tenant)),
      textArray(jobs.map((job) => job.provider)),
      textArray(jobs.map((job) => job.providerJobId)),
      instantArray(jobs.map((job) => job.verdictAt)),
      boolArray(jobs.map((job) => job.hasCompleted)),
      bigintArray(jobs.map((job) => job.cost?.cost.amountMinor ?? null)),
      textArray(jobs.map((job) => job.cost?.cost.currency ?? null)),
      boolArray(jobs.map((job) => job.cost?.absorbed ?? false)),
    ]);
  }

  #writeLines(lines: readonly Line[]): Statement {
    return this.#statement('lines', LINES, [
      textArray(lines.map((line) => line.tenant)),
      textArray(lines.map((line) => line.billId)),
      bigintArray(lines.map((line) => line.ordinal)),
      textArray(lines.map((line) => line.provider)),
      textArray(lines.map((line) => line.providerJobId)),
      instantArray(lines.map((line) => line.billedAt)),
      bigintArray(lines.map((line) => line.amountMinor)),
      textArray(lines.map((line) => line.currency)),
      textArray(lines.map((line) => line.units)),
      textArray(lines.map((line) => line.state)),
      textArray(lines.map((line) => line.taskId)),
      bigintArray(lines.map((line) => line.bookedMinor)),
      textArray(lines.map((line) => line.position)),
    ]);
  }

  #statement(name: string, text: string, values: unknown[]): Statement {
    return { name: `provider_bills_v${this.version}_${name}`, text: versioned(text, this.version), values };
  }

  committed(): void {
    this.#jobs = new Map();
    this.#lines = [];
    this.#bills = [];
  }

  aborted(): void {
    this.committed();
  }
}

export const providerBills: ReadModel = {
  name: 'provider-bills',
  codeVersion: 1,
  relations: ['provider_job', 'bill', 'bill_line'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new ProviderBillsProjection(version),
};
