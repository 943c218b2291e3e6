// query · a journal as a file that people use: jsonl, csv or hledger, made page by page from whatever is read; called by the API's export.
import { csvCell } from './csv.js';
import { decimalsOf, majorUnits } from './currency-units.js';
import type { JournalExport } from './finance.port.js';
import type { PostingView, StatementDayLine } from './finance.views.js';

export const EXPORT_FORMATS = ['jsonl', 'csv', 'hledger'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const EXPORT_TYPES: Readonly<Record<ExportFormat, { mediaType: string; extension: string }>> = {
  jsonl: { mediaType: 'application/x-ndjson', extension: 'jsonl' },
  csv: { mediaType: 'text/csv; charset=utf-8', extension: 'csv' },
  hledger: { mediaType: 'text/plain; charset=utf-8', extension: 'journal' },
};

export function exportAs(format: ExportFormat, journal: JournalExport): AsyncGenerator<string> {
  switch (format) {
    case 'jsonl':
      return jsonLines(journal);
    case 'csv':
      return csvOf(journal);
    case 'hledger':
      return hledgerOf(journal);
  }
}

async function* jsonLines(journal: JournalExport): AsyncGenerator<string> {
  for await (const page of journal.pages()) yield page.map((posting) => `${JSON.stringify(posting)}\n`).join('');
}

const CSV_HEADER =
  'position,index,effective_at,recorded_at,account,commodity,amount,event_id,event_type,account_id,bucket,grant_id,task_id,model,provider\r\n';

async function* csvOf(journal: JournalExport): AsyncGenerator<string> {
  yield CSV_HEADER;
  for await (const page of journal.pages()) yield page.map(csvPosting).join('');
}

/** The amount is a number whatever its sign: it is exact, in major units, and written by us. */
function csvPosting(row: PostingView): string {
  const about = [row.eventId, row.eventType, row.accountId, row.bucket, row.grantId, row.taskId, row.model, row.provider];
  const cells = [
    ...[row.position, row.index, row.effectiveAt, row.recordedAt, row.account, row.commodity].map(csvCell),
    majorUnits(row.amount, row.commodity),
    ...about.map(csvCell),
  ];
  return `${cells.join(',')}\r\n`;
}

export function statementCsv(lines: readonly StatementDayLine[]): string {
  const rows = lines.map(
    ({ date, type, bucket, count, credits, consumed }) => `${[date, type, bucket, count, credits, consumed].map(csvCell).join(',')}\r\n`,
  );
  return `date,type,bucket,count,credits,consumed\r\n${rows.join('')}`;
}

/** hledger 1.25 wants the decimal mark in a directive even where there are no decimals. */
function commodityDirective(commodity: string): string {
  return `commodity 1000.${'0'.repeat(decimalsOf(commodity))} ${commodity}\n`;
}

async function* hledgerOf(journal: JournalExport): AsyncGenerator<string> {
  yield `decimal-mark .\n\n${journal.commodities.map(commodityDirective).join('')}\n`;
  for await (const names of journal.accounts()) yield names.map((name) => `account ${name}\n`).join('');
  // A fact's postings may be parted between two pages: the last entry of a page waits for the next one.
  let entry: PostingView[] = [];
  for await (const page of journal.pages()) {
    let text = '';
    for (const posting of page) {
      if (entry.length > 0 && entry[0]?.position !== posting.position) {
        text += transaction(entry);
        entry = [];
      }
      entry.push(posting);
    }
    yield text;
  }
  if (entry.length > 0) yield transaction(entry);
}

function transaction(entry: readonly PostingView[]): string {
  const { effectiveAt, eventType, position, eventId } = entry[0] as PostingView;
  const lines = entry.map(({ account, amount, commodity }) => `    ${account}  ${majorUnits(amount, commodity)} ${commodity}\n`);
  return `\n${effectiveAt.slice(0, 10)} * ${eventType}  ; position:${position}, event:${eventId}\n${lines.join('')}`;
}
