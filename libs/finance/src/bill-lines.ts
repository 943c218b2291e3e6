// 1 HTTP in · what one record of a bill says, or why it is refused; pure, called record by record while a bill arrives.
import { code as findCurrency } from 'currency-codes';
import { formatDecimal, fromIso, parseDecimal, shortestDecimal, toIso, type InstantMs, type Iso } from '#libs/kernel';
import { csvFields, UnreadableBill, type RawRecord } from './bill-records.js';
import { decimalsOf } from './currency-units.js';

export interface BillLine {
  line: number;
  provider: string;
  providerJobId: string;
  billedAt: Iso;
  amountMinor: number;
  currency: string;
  /** In its shortest form. */
  units: string | null;
}

export interface LineError {
  field: string | null;
  code:
    | 'required'
    | 'invalid'
    | 'too_many_decimals'
    | 'unknown_currency'
    | 'unknown_provider'
    | 'in_future'
    | 'too_large'
    | 'unknown_field'
    | 'already_exists';
  detail: string;
}

export interface RejectedLine {
  line: number;
  errors: LineError[];
}

export interface LineRules {
  providerExists(id: string): boolean;
  now: InstantMs;
}

const COLUMNS = ['provider', 'provider_job_id', 'billed_at', 'amount', 'currency', 'units'] as const;
type Column = (typeof COLUMNS)[number];
type Row = Partial<Record<Column, string>>;

/** Reads the records of one bill in order; the first of a CSV is its header. */
export class BillReader {
  #header: Column[] | null = null;

  constructor(
    private readonly format: 'csv' | 'ndjson',
    private readonly rules: LineRules,
  ) {}

  /** Null for the header. Throws {@link UnreadableBill} for what is no bill, and for a last record that was cut off. */
  read(record: RawRecord): BillLine | RejectedLine | null {
    if (this.format === 'csv' && this.#header === null) {
      this.#header = headerOf(record);
      return null;
    }
    const read = this.#line(record);
    if ('errors' in read && !record.ended) throw new UnreadableBill(`The body breaks off inside the record of line ${record.line}.`);
    return read;
  }

  end(): void {
    if (this.format === 'csv' && this.#header === null) throw new UnreadableBill('The body has no header.');
  }

  #line({ line, text }: RawRecord): BillLine | RejectedLine {
    if (text === null) return { line, errors: [error(null, 'too_large', 'is longer than 64 KiB')] };
    const row = this.format === 'csv' ? this.#csvRow(text) : jsonRow(text);
    return Array.isArray(row) ? { line, errors: row } : lineOf(line, row, this.rules);
  }

  #csvRow(text: string): Row | LineError[] {
    const header = this.#header as Column[];
    const fields = csvFields(text);
    if (fields === null) return [error(null, 'invalid', 'has a quote where RFC 4180 allows none')];
    if (fields.length !== header.length)
      return [error(null, 'invalid', `has ${fields.length} fields where the header has ${header.length}`)];
    return Object.fromEntries(header.map((column, index) => [column, fields[index] as string]));
  }
}

function headerOf({ text, ended }: RawRecord): Column[] {
  const names = text === null ? null : csvFields(text);
  const isHeader =
    names !== null &&
    names.every((name) => (COLUMNS as readonly string[]).includes(name)) &&
    new Set(names).size === names.length &&
    COLUMNS.every((column) => column === 'units' || names.includes(column));
  if (!isHeader || (!ended && text === ''))
    throw new UnreadableBill(`The first line must be the header: ${COLUMNS.join(',')}, parted by commas, in any order.`);
  return names as Column[];
}

function jsonRow(text: string): Row | LineError[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [error(null, 'invalid', 'is not valid JSON')];
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return [error(null, 'invalid', 'is not a JSON object')];
  const row: Row = {};
  const errors: LineError[] = [];
  for (const [name, value] of Object.entries(parsed)) {
    if (!(COLUMNS as readonly string[]).includes(name)) errors.push(error(null, 'unknown_field', 'has a member that a bill does not have'));
    else if (typeof value === 'string') row[name as Column] = value;
    else if (name === 'units' && value === null) continue;
    else if (name === 'units' && typeof value === 'number' && shortestDecimal(value) !== null) row.units = shortestDecimal(value) as string;
    else errors.push(error(name, 'invalid', 'must be a string'));
  }
  return errors.length > 0 ? errors : row;
}

function lineOf(line: number, row: Row, rules: LineRules): BillLine | RejectedLine {
  const errors: LineError[] = [];
  for (const column of COLUMNS)
    if (column !== 'units' && (row[column] ?? '') === '') errors.push(error(column, 'required', 'must not be empty'));
  const { provider = '', provider_job_id: providerJobId = '', billed_at: billedAt = '', amount = '', currency = '', units = '' } = row;
  if (provider !== '' && !rules.providerExists(provider))
    errors.push(error('provider', 'unknown_provider', 'is no provider of this deployment'));
  if (providerJobId !== '' && !isJobId(providerJobId))
    errors.push(error('provider_job_id', 'invalid', 'must be 1 to 200 printable characters'));
  const instant = instantOf(billedAt);
  if (billedAt !== '' && instant === null) errors.push(error('billed_at', 'invalid', 'must be an RFC 3339 instant with an offset'));
  if (instant !== null && instant > rules.now) errors.push(error('billed_at', 'in_future', 'must not be after now'));
  const isCurrency = /^[A-Z]{3}$/.test(currency) && findCurrency(currency) !== undefined;
  if (currency !== '' && !isCurrency) errors.push(error('currency', 'unknown_currency', 'must be an ISO 4217 code'));
  const amountMinor = amount === '' ? 0 : minorOf(amount, isCurrency ? decimalsOf(currency) : null);
  if (typeof amountMinor !== 'number') errors.push(amountMinor);
  const counted = units === '' ? null : parseDecimal(units, UNITS);
  if (units !== '' && counted === null) errors.push(error('units', 'invalid', 'must be a decimal from 0 with at most 6 decimals'));
  if (errors.length > 0) return { line, errors };
  return {
    ...{ line, provider, providerJobId, billedAt: toIso(instant as number), amountMinor: amountMinor as number, currency },
    units: counted === null ? null : formatDecimal(counted),
  };
}

const UNITS = { integerDigitsMax: 12, fractionDigitsMax: 6 };
const AMOUNT = /^(-?)(\d{1,20})(?:\.(\d{1,20}))?$/;
/** A thousand lines of it still add up exactly. */
const AMOUNT_MINOR_MAX = 1_000_000_000_000;

/** `decimals` is null where the currency is not known: then only the form is judged. */
function minorOf(amount: string, decimals: number | null): number | LineError {
  const match = AMOUNT.exec(amount);
  if (match === null)
    return error('amount', 'invalid', 'must be a decimal in major units, with a point, an optional minus and nothing else');
  if (decimals === null) return 0;
  const [, sign, whole = '', fraction = ''] = match;
  if (fraction.length > decimals) return error('amount', 'too_many_decimals', `must have at most ${decimals} decimals in this currency`);
  const minor = Number(whole + fraction.padEnd(decimals, '0'));
  if (minor > AMOUNT_MINOR_MAX) return error('amount', 'invalid', 'is larger than a line of a bill may be');
  return sign === '-' && minor !== 0 ? -minor : minor;
}

/** Unicode's letters, marks, numbers, punctuation, symbols and the blank: what can be seen. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u;

function isJobId(text: string): boolean {
  return Array.from(text).length <= 200 && PRINTABLE.test(text);
}

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

function instantOf(text: string): InstantMs | null {
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  const instant = fromIso(text);
  return Number.isNaN(instant) || instant < 0 ? null : instant;
}

function error(field: string | null, code: LineError['code'], detail: string): LineError {
  return { field, code, detail };
}
