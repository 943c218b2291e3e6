// The shape of finance.md's explanation: each decision over a task, and what the same code decides of it today.
import type { Credits, JsonObject, JsonValue } from '#libs/kernel';
import type { DrawdownLine } from '#libs/ledger';
import type { Rule } from './rules.js';

export interface DecisionView {
  at: string;
  /** Of the last fact that it made of the task, or of its account. */
  position: string;
  command: JsonObject & { type: string };
  /** The account as the decision found it: grants judged at its instant, nothing that was due booked yet. */
  state: {
    revision: number;
    plan: string;
    available: Credits;
    held: Credits;
    frozen: Credits;
    drawdown: DrawdownLine[];
  };
  rule: Rule;
  priceVersion: string;
  planVersion: number;
  outcome: 'accepted' | 'refused';
  facts: string[];
  refusal: null | { code: string; required: Credits; available: Credits; shortfall: Credits; requiredPlan: string };
  actor: string;
  correlationId: string;
  reproduced: boolean;
  difference: null | { expected: JsonValue; actual: JsonValue };
}

export interface ExplanationView {
  taskId: string;
  reproduced: boolean;
  /** Oldest first; the first is the submission. */
  decisions: DecisionView[];
}
