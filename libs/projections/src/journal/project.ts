// 4 project · the journal: postings, and what they add up to; run by the projection engine. What a fact posts is decided in #libs/finance.
import { mulDivFloor, type InstantMs } from '#libs/kernel';
import { parseStream, type StoredFact } from '#libs/event-store';
import { effectiveAtOf, postingsOf, type JournalFact } from '#libs/finance';
import type { AccountFact, ReservationTerms } from '#libs/ledger';
import { KeptClosures } from '../engine/kept-closures.js';
import type { Projection, ReadModel, ReadRows, Statement } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';
import { JournalBatch } from './batch.js';
import { PlansOfAccounts } from './plans.js';
import { JournalStatements } from './statements.js';

class JournalProjection implements Projection {
  #batch = new JournalBatch();
  readonly #closures: KeptClosures;
  readonly #plans: PlansOfAccounts;
  readonly #statements: JournalStatements;

  constructor(private readonly version: number) {
    this.#closures = new KeptClosures('journal_closed', 'journal', version);
    this.#plans = new PlansOfAccounts(version);
    this.#statements = new JournalStatements(version);
  }

  async load(facts: readonly StoredFact[], read: ReadRows): Promise<void> {
    await this.#closures.load(read);
    await this.#plans.load(facts, read);
  }

  fold(facts: readonly StoredFact[]): void {
    for (const stored of facts) {
      if (stored.stream.startsWith('account-')) this.#foldAccount(stored, stored as unknown as AccountFact);
      else if (stored.stream.startsWith('billing-')) this.#foldBilling(stored);
      else if (stored.stream.startsWith('periods-')) this.#closures.fold(stored);
    }
  }

  write(): Statement[] {
    return [...this.#statements.write(this.#batch, this.#plans.changes), ...this.#closures.write()];
  }

  committed(): void {
    this.#batch = new JournalBatch();
    this.#closures.committed();
    this.#plans.committed();
    this.#statements.committed();
  }

  aborted(): void {
    this.#batch = new JournalBatch();
    this.#closures.aborted();
    this.#plans.aborted();
    this.#statements.aborted();
  }

  #foldAccount(stored: StoredFact, fact: AccountFact): void {
    const accountId = parseStream(stored.stream).id;
    const effectiveAt = effectiveAtOf(fact, stored.recordedAt);
    this.#plans.fold(stored.stream, fact, effectiveAt);
    const plan = this.#plans.of(stored.stream);
    this.#post(stored, fact, accountId, plan, effectiveAt);
    this.#foldHolds(stored, fact, accountId);
  }

  #foldBilling(stored: StoredFact): void {
    if (stored.type !== 'BillLineBooked') return;
    const fact = stored as unknown as Extract<JournalFact, { type: 'BillLineBooked' }>;
    const { accountId } = fact.data;
    const effectiveAt = effectiveAtOf(fact, stored.recordedAt);
    const plan = accountId === null ? '' : this.#plans.at(`account-${stored.tenant}.${accountId}`, effectiveAt);
    this.#post(stored, fact, accountId, plan, effectiveAt);
  }

  #post(stored: StoredFact, fact: JournalFact, accountId: string | null, plan: string, falls: InstantMs): void {
    const postings = postingsOf(fact, accountId ?? '');
    if (postings.length === 0) return;
    const { tenant, recordedAt } = stored;
    const dated = this.#closures.date(tenant, falls, recordedAt);
    const occasion = { tenant, accountId, plan, effectiveAt: dated.effectiveAt };
    for (const posting of postings) {
      this.#batch.postings.push({ fact: stored, posting, ...dated, accountId, plan });
      for (const flow of posting.flows) this.#batch.totals.add(occasion, posting.commodity, posting.bucket, flow);
    }
  }

  #foldHolds(stored: StoredFact, fact: AccountFact, accountId: string): void {
    if (fact.type === 'CreditsReserved') {
      for (const terms of fact.data.reservations) {
        const { reservationId, credits } = terms;
        const hold = { tenant: stored.tenant, reservationId, accountId, heldAt: stored.recordedAt, credits, cost: costOf(terms) };
        this.#batch.holds.set(`${stored.tenant} ${reservationId}`, hold);
      }
    } else if (fact.type === 'CreditsConsumed' || (fact.type === 'CreditsRefunded' && fact.data.kind === 'hold')) {
      const { reservationId } = fact.data;
      const key = `${stored.tenant} ${reservationId}`;
      const known = this.#batch.holds.get(key);
      if (known !== undefined && !('ended' in known)) this.#batch.holds.delete(key);
      else this.#batch.holds.set(key, { tenant: stored.tenant, reservationId, ended: true });
    }
  }
}

/** What the held credits cost: ⌊B·k/N⌋ of each grant. */
function costOf({ drawdown }: ReservationTerms): Record<string, number> {
  const cost: Record<string, number> = {};
  for (const { costBasis, credits, size } of drawdown) {
    if (costBasis === null) continue;
    cost[costBasis.currency] = (cost[costBasis.currency] ?? 0) + mulDivFloor(costBasis.amountMinor, credits, size);
  }
  return cost;
}

export const journal: ReadModel = {
  name: 'journal',
  codeVersion: 1,
  relations: [
    'journal_posting',
    'journal_credit',
    'journal_money',
    'journal_account',
    'journal_commodity',
    'journal_hold',
    'journal_plan',
    'journal_closed',
  ],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new JournalProjection(version),
};
