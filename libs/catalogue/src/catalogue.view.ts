// The shapes of api.md that the catalogue answers with.
import type { Credits } from '#libs/kernel';
import type { Modifiers, OutputType } from './catalogue.facts.js';

export interface ModelView {
  id: string;
  name: string;
  family: string;
  outputType: OutputType;
  durationSeconds: number | null;
  /** The price in effect now. */
  credits: Credits;
  minimumPlan: string;
  provider: string;
  modifiers: Modifiers | null;
  priceVersion: string;
  retiredAt: string | null;
  position: string;
}

export interface PriceView {
  priceVersion: string;
  credits: Credits;
  modifiers: Modifiers | null;
  effectiveAt: string;
  reason: string;
  position: string;
}

export interface PlanView {
  id: string;
  name: string;
  rank: number;
  monthlyAllowance: Credits;
  upgradeCredit: 'full' | 'prorated';
  weight: number;
  position: string;
}

export interface QuoteView {
  id: string;
  accountId: string;
  model: string;
  quantity: number;
  credits: Credits;
  unitCredits: Credits;
  priceVersion: string;
  expiresAt: string;
  allowed: boolean;
  denial: { code: string; detail: string } | null;
  accountPlan: string;
  requiredPlan: string;
  available: Credits;
  shortfall: Credits;
  drawdown: Array<{ bucket: string; grantId: string; credits: Credits; expiresAt: string | null }>;
  position: string;
}
