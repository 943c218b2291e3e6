// What the demo runs: three customers, all ten default models, every way that a generation can end.
export interface Customer {
  name: string;
  plan: 'free' | 'pro' | 'max';
  grants: Array<{ bucket: string; credits: number; reference: string; costBasis?: { currency: string; amountMinor: number } }>;
}

export const CUSTOMERS: Customer[] = [
  { name: 'Fern Films', plan: 'free', grants: [{ bucket: 'referral', credits: 200, reference: 'friend-of-moss' }] },
  {
    name: 'Moss Media',
    plan: 'pro',
    grants: [
      { bucket: 'purchased', credits: 500, reference: 'invoice-1001', costBasis: { currency: 'USD', amountMinor: 4999 } },
      { bucket: 'promotional', credits: 150, reference: 'launch-week' },
    ],
  },
  {
    name: 'Lichen Labs',
    plan: 'max',
    grants: [{ bucket: 'purchased', credits: 2000, reference: 'invoice-1002', costBasis: { currency: 'EUR', amountMinor: 17900 } }],
  },
];

export interface Wish {
  customer: Customer['plan'];
  model: string;
  story: string;
  parameters?: object;
  /** Asked for once the provider has it. */
  cancel?: boolean;
}

const done = { simulate: { outcome: 'succeed', afterMs: 300, cost: { currency: 'USD', amountMinor: 21 } } };

export const WISHES: Wish[] = [
  { customer: 'free', model: 'pika-basic', story: 'a success', parameters: done },
  { customer: 'free', model: 'seedance-2-5s', story: 'a success', parameters: done },
  { customer: 'free', model: 'kling-ai-10s', story: 'a success, over two buckets', parameters: done },
  { customer: 'free', model: 'sora-2-10s', story: 'refused: the plan is too low', parameters: done },
  {
    customer: 'free',
    model: 'kling-ai-5s',
    story: 'a failure: nothing is charged',
    parameters: { simulate: { outcome: 'fail', afterMs: 300, cost: { currency: 'USD', amountMinor: 12 } } },
  },
  { customer: 'free', model: 'kling-ai-10s', story: 'refused: the credits are short', parameters: done },
  { customer: 'pro', model: 'pika-effects', story: 'a success', parameters: done },
  {
    customer: 'pro',
    model: 'sora-2-10s',
    story: 'half delivered, half charged',
    parameters: { simulate: { outcome: 'succeed', afterMs: 300, deliveredFraction: 0.5 } },
  },
  {
    customer: 'pro',
    model: 'sora-2-15s',
    story: 'a timeout: the customer is made whole',
    parameters: { deadlineMs: 1500, simulate: { outcome: 'hang' } },
  },
  {
    customer: 'pro',
    model: 'seedance-2-15s',
    story: 'a late result, delivered free',
    parameters: { deadlineMs: 1500, simulate: { outcome: 'late', afterMs: 200 } },
  },
  { customer: 'pro', model: 'kling-ai-30s', story: 'cancelled while it ran', parameters: { simulate: { outcome: 'hang' } }, cancel: true },
  {
    customer: 'pro',
    model: 'seedance-2-5s',
    story: 'the answer was lost, the job was found',
    parameters: { simulate: { outcome: 'lost_submit', afterMs: 300 } },
  },
  { customer: 'max', model: 'kling-ai-60s', story: 'a success', parameters: done },
  { customer: 'max', model: 'kling-ai-5s', story: 'rejected by the provider', parameters: { simulate: { outcome: 'reject' } } },
  { customer: 'max', model: 'kling-ai-30s', story: 'a success', parameters: done },
  { customer: 'max', model: 'pika-basic', story: 'a success', parameters: done },
];
