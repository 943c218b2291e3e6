// What the routes of finance answer, as JSON Schema; part of answer.schemas.ts.
import { AGING_BANDS, BILL_LINE_STATES, HOLD_BANDS } from '#libs/finance';
import { BUCKETS, MOVEMENT_TYPES } from '#libs/ledger';
import {
  bucket,
  count,
  instant,
  instantOrNull,
  list,
  nextCursor,
  object,
  orNull,
  page,
  ref,
  signed,
  text,
  textOrNull,
} from '../openapi/schema.words.js';
import type { JsonSchema } from '../validation/rules.js';

const signedOrNull: JsonSchema = { type: ['integer', 'null'] };
const position: JsonSchema = {
  type: 'string',
  pattern: '^[0-9]{16}$',
  description: 'Place in the log: opaque, fixed width, ordered bytewise.',
};
const positionOrNull: JsonSchema = { type: ['string', 'null'], pattern: '^[0-9]{16}$' };
const commodity: JsonSchema = { type: 'string', description: '`CREDIT` or an ISO 4217 code.' };
const month: JsonSchema = { type: 'string', pattern: '^[0-9]{4}-[0-9]{2}$' };
const holding = object({ available: signed, held: signed });
const statementBalance = object({
  available: signed,
  held: signed,
  buckets: object(Object.fromEntries(BUCKETS.map((name) => [name, holding]))),
});
const creditRow = object({
  bucket: { type: 'string', enum: [...BUCKETS, 'all'] },
  opening: orNull(holding),
  granted: signed,
  adjusted: signed,
  reserved: signed,
  released: signed,
  consumed: signed,
  returned: signed,
  refunded: signed,
  repaid: signed,
  expired: signed,
  revoked: signed,
  closing: orNull(holding),
});
const moneyRow = object({
  currency: text,
  deferredOpening: signedOrNull,
  deferred: signed,
  recognised: signed,
  breakage: signed,
  breakageReversed: signed,
  revoked: signed,
  adjusted: signed,
  repaid: signed,
  deferredClosing: signedOrNull,
  receivable: { ...signedOrNull, description: 'At the end.' },
  providerCost: signed,
  absorbedCost: signed,
  unmatchedCost: signed,
  margin: signed,
});
const figures = {
  from: instantOrNull,
  to: instantOrNull,
  checked: { const: true },
  credits: list(ref('SummaryCredits')),
  debt: object({ opening: signed, recorded: signed, repaid: signed, closing: signed }),
  money: list(ref('SummaryMoney')),
  models: list(
    object({
      model: text,
      currency: textOrNull,
      credits: signed,
      recognised: signed,
      providerCost: signed,
      absorbedCost: signed,
      margin: signed,
    }),
  ),
};

export const FINANCE_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Posting: object(
    {
      id: { type: 'string', description: '`<position>/<index>`' },
      position,
      index: count,
      effectiveAt: instant,
      originalEffectiveAt: { ...instant, description: 'Only where its period was closed already: when it would have taken effect.' },
      recordedAt: instant,
      account: { type: 'string', description: 'An account of the chart.' },
      commodity,
      amount: { ...signed, description: 'Credits, or minor units of the currency.' },
      eventId: text,
      eventType: text,
      accountId: textOrNull,
      bucket: orNull(bucket),
      grantId: textOrNull,
      taskId: textOrNull,
      model: textOrNull,
      provider: textOrNull,
    },
    ['originalEffectiveAt'],
  ),
  PostingList: page('Posting'),
  Statement: object({
    accountId: text,
    from: instantOrNull,
    to: instantOrNull,
    position,
    opening: statementBalance,
    movements: list(object({ type: { type: 'string', enum: [...MOVEMENT_TYPES] }, bucket, count, credits: signed, consumed: signed })),
    days: list(object({ date: { type: 'string', format: 'date' }, opening: signed, credits: signed, consumed: signed, closing: signed })),
    closing: statementBalance,
  }),
  SummaryCredits: creditRow,
  SummaryMoney: moneyRow,
  SummaryFigures: object(figures),
  Summary: object({
    ...figures,
    position,
    groups: list(object({ key: text, credits: list(ref('SummaryCredits')), money: list(ref('SummaryMoney')) })),
    nextCursor,
  }),
  Aging: object({
    at: instant,
    position,
    buckets: list(object({ bucket, credits: count, bands: object(Object.fromEntries(AGING_BANDS.map((band) => [band, count]))) })),
    deferred: list(ref('Money')),
    holds: list(object({ band: { type: 'string', enum: [...HOLD_BANDS] }, count, credits: count, money: list(ref('Money')) })),
  }),
  Period: object({
    period: month,
    from: instant,
    to: instant,
    status: { type: 'string', enum: ['open', 'closed'] },
    position: { ...positionOrNull, description: 'The figures are those of everything up to it.' },
    treeSize: { type: ['integer', 'null'], minimum: 0 },
    checkpoint: textOrNull,
    closedAt: instantOrNull,
    closedBy: textOrNull,
    summary: orNull(ref('SummaryFigures')),
  }),
  ProviderBill: object({
    id: text,
    lines: { ...count, description: 'Records read: matched + differing + orphans + duplicates + rejectedCount.' },
    matched: count,
    differing: count,
    orphans: count,
    missing: { ...count, description: 'Attempts with a cost that no bill has a line for.' },
    duplicates: { ...count, description: 'Lines that were in the books already; they book nothing.' },
    rejectedCount: count,
    rejected: {
      ...list(object({ line: count, errors: list(object({ field: textOrNull, code: text, detail: text })) })),
      maxItems: 1000,
      description: 'The first 1,000, by the physical line on which each begins.',
    },
    drift: object({
      credits: { type: 'number', description: 'Units billed less units recorded.' },
      money: list(object({ currency: text, billed: signed, booked: signed, difference: signed })),
    }),
    position,
  }),
  ProviderBillLine: object({
    line: { type: ['integer', 'null'], description: 'Null for what the bill does not speak of.' },
    provider: text,
    providerJobId: textOrNull,
    billedAt: instantOrNull,
    amountMinor: signedOrNull,
    currency: text,
    units: { ...textOrNull, description: 'A decimal.' },
    state: { type: 'string', enum: [...BILL_LINE_STATES] },
    taskId: textOrNull,
    bookedMinor: { ...signed, description: 'How much of the cost booked for the attempt is set against the line.' },
    differenceMinor: { ...signedOrNull, description: 'What the line books; null for a missing one.' },
    position,
  }),
  ProviderBillLineList: page('ProviderBillLine'),
  PeriodList: page('Period'),
};
