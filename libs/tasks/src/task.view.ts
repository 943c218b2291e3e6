// The task as clients see it (api.md); rendered from facts for a write's answer, from projected rows for a read.
import type { Credits, Money } from '#libs/kernel';
import type { JsonValue } from '#libs/kernel';
import type { TaskStatus } from './task.state.js';

export type SettlementView = 'open' | 'consumed' | 'refunded' | 'partial' | 'none';

export interface TaskView {
  id: string;
  accountId: string;
  userId: string | null;
  model: string;
  status: TaskStatus;
  /** True while we do not know whether the provider has it, or whether it will still answer. */
  uncertain: boolean;
  progress: number | null;
  credits: { quoted: Credits; held: Credits; consumed: Credits; refunded: Credits };
  settlement: SettlementView;
  attempts: Array<{ number: number; provider: string; status: string; providerJobId: string | null; cost: Money | null }>;
  assets: Array<{ url: string; mediaType: string; durationSeconds: string | null; late: boolean }>;
  failure: { code: string; detail: string; blame: 'customer' | 'provider' | 'platform'; retryable: boolean } | null;
  /** Policy `offer`: a late result waits to be taken at the quoted price. */
  lateResult: { policy: string; outcome: string; accepted: boolean } | null;
  prompt: string | null;
  parameters: JsonValue;
  metadata: JsonValue;
  quoteId: string | null;
  priceVersion: string;
  deadlineAt: string | null;
  createdAt: string;
  updatedAt: string;
  revision: number;
  position: string;
  urls: { self: string; events: string; receipt: string; cancel: string };
}
