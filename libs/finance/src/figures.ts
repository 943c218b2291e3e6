// Finance · the figures that postings add up to, by day and dimension: what a summary is made of; filled by entry.ts, kept by the journal's read model.

/** Of credits. `available` is the balance itself; the others are its changes, each under the sign named here. */
export const CREDIT_FIGURES = [
  /** customer:…:available, as posted. */
  'available',
  'granted',
  /** Signed: plus is a gift, minus was taken. */
  'adjusted',
  /** available → held. */
  'reserved',
  /** Held that ended: consumed or released. */
  'unheld',
  'consumed',
  /** Goodwill: consumed → available. */
  'returned',
  'repaid',
  'expired',
  'revoked',
  'debtRecorded',
  /** Debt that goodwill lowered; no purchase repaid it. */
  'debtForgiven',
  /** Consumed beyond what was held, less the goodwill on what is debt: a model's credits, but no change of any balance. */
  'consumedOnDebt',
] as const;
export type CreditFigure = (typeof CREDIT_FIGURES)[number];

/** Of one currency, in minor units. `outstanding` is the balance of deferred revenue itself, plus for what is owed to customers. */
export const MONEY_FIGURES = [
  'outstanding',
  'deferred',
  /** Net of goodwill. */
  'recognised',
  'breakage',
  'breakageReversed',
  'moneyRevoked',
  'moneyAdjusted',
  'moneyRepaid',
  'receivable',
  'providerCost',
  'absorbedCost',
  'unmatchedCost',
] as const;
export type MoneyFigure = (typeof MONEY_FIGURES)[number];

export type Figure = CreditFigure | MoneyFigure;

/** Figures that grow when their posting's amount falls: what comes from an account, and what bookkeeping writes as minus. */
const NEGATED: ReadonlySet<Figure> = new Set<Figure>([
  'granted',
  'adjusted',
  'unheld',
  'returned',
  'repaid',
  'debtRecorded',
  'outstanding',
  'deferred',
  'recognised',
  'breakage',
  'moneyAdjusted',
]);

/** 1 or −1: by what a posted amount is multiplied to become the figure. */
export function figureSign(figure: Figure): 1 | -1 {
  return NEGATED.has(figure) ? -1 : 1;
}

const CREDIT_SET: ReadonlySet<string> = new Set(CREDIT_FIGURES);

export function isCreditFigure(figure: Figure): figure is CreditFigure {
  return CREDIT_SET.has(figure);
}
