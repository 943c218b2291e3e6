// Decides whether a receipt file proves what it says, from the file and a public key alone: what `rollcredits verify-receipt` prints.
import { openCheckpoint, type VerifierKey, type Head } from './checkpoint.js';
import { isIncluded, leafHash } from './merkle.js';

export const RECEIPT_FORMAT = 'rollcredits-receipt/1';

export interface ReceiptLine {
  what: string;
  credits: number;
  position: string;
  eventId: string;
}

export interface ReceiptFile {
  format: typeof RECEIPT_FORMAT;
  receipt: { taskId: string; charged: number; lines: ReceiptLine[] };
  facts: Array<{ leafIndex: number; leaf: string; inclusionPath: string[] }>;
  checkpoint: string;
  vkey: string;
}

export interface ReceiptVerdict {
  ok: boolean;
  taskId: string | null;
  charged: number | null;
  treeSize: number | null;
  time: string | null;
  /** How many facts are proven. */
  facts: number;
  errors: string[];
}

/** A fact as its leaf has it. */
interface LeafFact {
  id: string;
  type: string;
  position: string;
  data: Record<string, unknown>;
}

/** Throws where the text is no receipt file at all; what is wrong in one that is becomes an error of the verdict. */
export function parseReceiptFile(text: string): ReceiptFile {
  const file = JSON.parse(text) as unknown;
  if (!isObject(file) || file['format'] !== RECEIPT_FORMAT) throw new Error(`it is no receipt file of format ${RECEIPT_FORMAT}`);
  if (!isShaped(file)) throw new Error('a part of the receipt file is missing or of another kind');
  return file as unknown as ReceiptFile;
}

function isShaped({ receipt, facts, checkpoint }: Record<string, unknown>): boolean {
  if (!isObject(receipt) || !isText(receipt['taskId']) || !Number.isSafeInteger(receipt['charged']) || !isText(checkpoint)) return false;
  const { lines } = receipt;
  if (!Array.isArray(lines) || !Array.isArray(facts)) return false;
  const areLines = lines.every(
    (line) => isObject(line) && Number.isSafeInteger(line['credits']) && [line['what'], line['position'], line['eventId']].every(isText),
  );
  return (
    areLines &&
    facts.every(
      (fact) => isObject(fact) && Number.isSafeInteger(fact['leafIndex']) && isText(fact['leaf']) && isTexts(fact['inclusionPath']),
    )
  );
}

/** The key is the caller's, from a source that the file cannot reach. */
export function verifyReceipt(file: ReceiptFile, key: VerifierKey): ReceiptVerdict {
  const errors: string[] = [];
  const head = openCheckpoint(file.checkpoint, key);
  if (typeof head === 'string') errors.push(`the checkpoint does not stand: ${head}`);
  const proven = provenFacts(file, typeof head === 'string' ? null : head, errors);
  checkLines(file, proven, errors);
  return {
    ok: errors.length === 0,
    taskId: file.receipt.taskId,
    charged: file.receipt.charged,
    treeSize: typeof head === 'string' ? null : head.treeSize,
    time: typeof head === 'string' ? null : head.time,
    facts: proven.size,
    errors,
  };
}

function provenFacts({ facts }: ReceiptFile, head: Head | null, errors: string[]): Map<string, LeafFact> {
  const proven = new Map<string, LeafFact>();
  for (const { leafIndex, leaf, inclusionPath } of facts) {
    const bytes = Buffer.from(leaf, 'base64');
    const path = inclusionPath.map((hash) => Buffer.from(hash, 'base64'));
    if (head === null || !isIncluded(leafHash(bytes), leafIndex, head.treeSize, path, head.rootHash)) {
      errors.push(`leaf ${leafIndex} is not in the tree of the checkpoint`);
      continue;
    }
    // It hashed to a leaf of the signed tree: so it is what we wrote.
    const fact = JSON.parse(bytes.toString('utf8')) as LeafFact;
    proven.set(fact.id, fact);
  }
  return proven;
}

/** Each line is in a proven fact, and `charged` follows from the lines: consumed, less what came back of it. */
function checkLines({ receipt }: ReceiptFile, proven: ReadonlyMap<string, LeafFact>, errors: string[]): void {
  let charged = 0;
  for (const [number, line] of receipt.lines.entries()) {
    const fact = proven.get(line.eventId);
    if (fact === undefined) errors.push(`line ${number + 1} names ${line.eventId}, which no leaf proves`);
    else if (fact.position !== line.position) errors.push(`line ${number + 1} says position ${line.position}, its fact ${fact.position}`);
    else {
      const stated = creditsOf(fact, receipt.taskId, line.what);
      if (stated !== line.credits) errors.push(`line ${number + 1} says ${line.credits} credits ${line.what}, its fact ${String(stated)}`);
      else charged += effectOf(fact, line);
    }
  }
  if (charged !== receipt.charged) errors.push(`${receipt.charged} credits charged do not follow from the lines, which make ${charged}`);
}

function effectOf({ type, data }: LeafFact, { what, credits }: ReceiptLine): number {
  if (what === 'consumed') return credits;
  const isGoodwill =
    (type === 'CreditsRefunded' && data['kind'] === 'goodwill') ||
    (type === 'CreditsGranted' && data['cause'] === 'goodwill') ||
    (type === 'DebtRepaid' && data['cause'] === 'goodwill');
  return isGoodwill ? -credits : 0;
}

/** What the fact itself says of the line; null where it says nothing of that kind. */
function creditsOf({ type, data }: LeafFact, taskId: string, what: string): number | null {
  switch (`${type} ${what}`) {
    case 'TaskSubmitted quoted':
    case 'TaskRejected quoted':
      return data['taskId'] === taskId ? numberOf(data['credits']) : null;
    case 'CreditsReserved held': {
      const own = listOf(data['reservations']).filter((reservation) => reservation['taskId'] === taskId);
      return own.length === 0 ? null : own.reduce((sum, { credits }) => sum + numberOf(credits), 0);
    }
    case 'CreditsConsumed consumed':
      return data['taskId'] === taskId ? numberOf(data['consumed']) : null;
    // What was used beyond the hold, and goodwill that lowered what is owed.
    case 'DebtRecorded consumed':
      return data['taskId'] === taskId && data['cause'] === 'over_consumption' ? numberOf(data['credits']) : null;
    case 'DebtRepaid refunded':
      return (data['goodwill'] as { taskId?: unknown } | null)?.taskId === taskId ? numberOf(data['credits']) : null;
    case 'CreditsConsumed refunded':
    case 'CreditsRefunded refunded':
      return data['taskId'] === taskId ? returnedOf(data) : null;
    case 'CreditsConsumed reissued':
    case 'CreditsRefunded reissued':
      return data['taskId'] === taskId ? reissuedOf(data) : null;
    case 'CreditsGranted refunded':
    case 'CreditsGranted reissued':
      return (data['goodwill'] as { taskId?: unknown } | undefined)?.taskId === taskId ? numberOf(data['credits']) : null;
    default:
      return null;
  }
}

function returnedOf(data: Record<string, unknown>): number {
  return listOf(data['returned']).reduce((sum, { credits }) => sum + numberOf(credits), 0);
}

function reissuedOf(data: Record<string, unknown>): number {
  return listOf(data['reissued']).reduce((sum, { grant }) => sum + numberOf((grant as { credits?: unknown } | undefined)?.credits), 0);
}

function listOf(value: unknown): Array<Record<string, unknown>> {
  return Array.isArray(value) ? (value as Array<Record<string, unknown>>) : [];
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
