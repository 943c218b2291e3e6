// What other contexts ask of the catalogue: what it costs, who may run it, what a plan gives. Answered from facts held in memory.
import type { Credits, InstantMs, JsonObject, Refusal } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import type { Modifiers, OutputType } from './catalogue.facts.js';

export interface PriceVersion {
  priceVersion: string;
  credits: Credits;
  modifiers: Modifiers | null;
  effectiveAt: InstantMs;
  reason: string;
  position: string;
}

export interface CatalogueModel {
  id: string;
  name: string;
  family: string;
  outputType: OutputType;
  durationSeconds: number | null;
  minimumPlan: string;
  provider: string;
  modifiers: Modifiers | null;
  retiredAt: InstantMs | null;
  /** Oldest first. */
  prices: PriceVersion[];
  revision: number;
  position: string;
}

export interface CataloguePlan {
  id: string;
  version: number;
  name: string;
  rank: number;
  monthlyAllowance: Credits;
  upgradeCredit: 'full' | 'prorated';
  weight: number;
  revision: number;
  position: string;
}

export interface Priced {
  model: CatalogueModel;
  credits: Credits;
  priceVersion: string;
  /** Parameters as they go into the fact: fractions as decimal strings. */
  parameters: JsonObject;
}

export interface Catalogue {
  /** Refusals: `unknown_model` (never listed, retired, or no price in effect), `validation_failed` with `errors[{pointer, detail}]`. */
  price(modelId: string, parameters: JsonObject | undefined, at: InstantMs): Priced | Refusal<'unknown_model' | 'validation_failed'>;
  model(id: string): CatalogueModel | null;
  /** By id, retired ones among them. */
  models(): CatalogueModel[];
  plan(id: string): CataloguePlan | null;
  /** By rank. */
  plans(): CataloguePlan[];
  /** The position of the newest fact of models and plans that is known here: who knows less may answer with an older price. */
  changedAt(): Position;
  /** True once everything up to the position is known here; false after `timeoutMs`. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
  /** Catches up with the log's head: nobody says that a model is absent on the word of a memory that may lag. */
  refresh(): Promise<void>;
}
