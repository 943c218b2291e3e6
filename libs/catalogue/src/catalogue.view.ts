// The shapes of api.md that the catalogue answers with.
import { invariant, toIso, type Credits, type InstantMs } from '#libs/kernel';
import type { Modifiers, OutputType } from './catalogue.facts.js';
import type { CatalogueModel, CataloguePlan, PriceVersion } from './catalogue.port.js';
import { priceInEffect } from './pricing.js';

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

/** With the price in effect at the instant; its modifiers are part of it. */
export function modelView(model: CatalogueModel, at: InstantMs): ModelView {
  // Every model is listed with a price of its own; a clock that runs behind the lister's may find it a moment too early.
  const price = priceInEffect(model.prices, at) ?? model.prices[0];
  invariant(price !== undefined, () => `model ${model.id} has no price`);
  const { id, name, family, outputType, durationSeconds, minimumPlan, provider, retiredAt, position } = model;
  return {
    id,
    name,
    family,
    outputType,
    durationSeconds,
    credits: price.credits,
    minimumPlan,
    provider,
    modifiers: price.modifiers,
    priceVersion: price.priceVersion,
    retiredAt: retiredAt === null ? null : toIso(retiredAt),
    position,
  };
}

export function priceView(price: PriceVersion): PriceView {
  return { ...price, effectiveAt: toIso(price.effectiveAt) };
}

export function planView(plan: CataloguePlan): PlanView {
  const { id, name, rank, monthlyAllowance, upgradeCredit, weight, position } = plan;
  return { id, name, rank, monthlyAllowance, upgradeCredit, weight, position };
}
