// Decides in which order a ledger is verified, and stops at the first difference: log and heads, invariants, journal, then every read model.
import { parseStream, type EventStore, type StoredFact } from '#libs/event-store';
import { postingsOf, type JournalFact } from '#libs/finance';
import { accountDecider, type AccountFact } from '#libs/ledger';
import { RebuildFailed, type Rebuilds } from '#libs/projections';
import { difference, verifyLog, type Difference, type Head, type LogVerdict, type ProofTables, type VerifierKey } from '#libs/proof';

export interface Verdict {
  ok: boolean;
  facts: number;
  treeSize: number;
  rootHash: string;
  position: string;
  /** Those that were made, in order. */
  checks: Array<{ name: string; ok: boolean }>;
  difference: Difference | null;
}

export interface VerificationParts {
  store: EventStore;
  tables: ProofTables;
  rebuilds: Rebuilds;
  key: VerifierKey | null;
  kept: Head | null;
  onProgress: (check: string, done: number, total: number) => void;
}

const PAGE_FACTS = 2_000;

export async function verify(parts: VerificationParts): Promise<Verdict> {
  const checks: Verdict['checks'] = [];
  const accounts = new Set<string>();
  const log = await verifyLog({
    ...parts,
    onFact: (fact) => {
      if (fact.stream.startsWith('account-')) accounts.add(fact.stream);
      return journalDifference(fact);
    },
    onProgress: (facts, size) => parts.onProgress('log', facts, size),
  });
  checks.push({ name: 'log', ok: log.difference === null || log.difference.kind === 'journal' });
  if (log.difference?.kind === 'journal') checks.push({ name: 'postings', ok: false });
  if (log.difference !== null) return verdictOf(log, checks, log.difference);
  checks.push({ name: 'postings', ok: true });

  const broken = await brokenInvariant(parts, accounts);
  checks.push({ name: 'invariants', ok: broken === null });
  if (broken !== null) return verdictOf(log, checks, broken);

  for (const name of parts.rebuilds.names) {
    const wrong = await wrongRow(parts, name);
    checks.push({ name, ok: wrong === null });
    if (wrong !== null) return verdictOf(log, checks, wrong);
  }
  return verdictOf(log, checks, null);
}

/** Every entry sums to zero in each commodity: what makes it says so by throwing. */
function journalDifference(fact: StoredFact): Difference | null {
  // Of a bill's facts only a line that was booked posts anything.
  if (!fact.stream.startsWith('account-') && fact.type !== 'BillLineBooked') return null;
  try {
    postingsOf({ type: fact.type, data: fact.data } as unknown as JournalFact, parseStream(fact.stream).id);
    return null;
  } catch (error) {
    return difference('journal', {
      position: fact.position,
      eventId: fact.id,
      expected: 'a balanced entry',
      actual: (error as Error).message,
    });
  }
}

/** Folds every account from its first fact: the money rules are asserted on the way. */
async function brokenInvariant({ store, onProgress }: VerificationParts, accounts: ReadonlySet<string>): Promise<Difference | null> {
  let done = 0;
  for (const stream of accounts) {
    let state = accountDecider.initial();
    for (let revision = 0; ;) {
      const facts = await store.readStream(stream, { fromRevision: revision, limit: PAGE_FACTS });
      for (const fact of facts) {
        try {
          if (fact.revision !== revision) throw new Error(`revision ${fact.revision} stands where ${revision} belongs`);
          state = accountDecider.evolve(state, { type: fact.type, data: fact.data } as unknown as AccountFact);
        } catch (error) {
          const { position, id } = fact;
          return difference('invariant', {
            position,
            eventId: id,
            row: stream,
            expected: 'the money rules hold',
            actual: (error as Error).message,
          });
        }
        revision += 1;
      }
      if (facts.length < PAGE_FACTS) break;
    }
    done += 1;
    onProgress('invariants', done, accounts.size);
  }
  return null;
}

async function wrongRow({ rebuilds, onProgress }: VerificationParts, name: string): Promise<Difference | null> {
  try {
    const { differences, differing } = await rebuilds.run(name, {
      diff: true,
      onProgress: ({ position, target }) => onProgress(name, Number(position), Number(target)),
    });
    const [first] = differences;
    if (first === undefined) return null;
    const { table, expected, actual } = first;
    const row = differing === 1 ? '1 row differs' : `the first of ${differing} rows that differ`;
    return difference('read_model', { position: memberOf(expected ?? actual, 'position'), table, row, expected, actual });
  } catch (error) {
    if (!(error instanceof RebuildFailed)) throw error;
    return difference('read_model', { table: name, expected: 'rows made from the log', actual: error.message });
  }
}

function memberOf(row: string | null, name: string): string | null {
  const value = row === null ? null : (JSON.parse(row) as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : null;
}

function verdictOf({ facts, treeSize, rootHash, position }: LogVerdict, checks: Verdict['checks'], found: Difference | null): Verdict {
  return { ok: found === null, facts, treeSize, rootHash: rootHash.toString('base64'), position, checks, difference: found };
}
