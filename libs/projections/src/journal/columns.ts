// 4 project · the figures of the journal's totals as columns, in the order in which statements name them; shared by the projection and its queries.
import { CREDIT_FIGURES, MONEY_FIGURES } from '#libs/finance';

/** `debtRecorded` → `debt_recorded` */
export function columnOf(figure: string): string {
  return figure.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export const CREDIT_COLUMNS = CREDIT_FIGURES.map(columnOf);
export const MONEY_COLUMNS = MONEY_FIGURES.map(columnOf);
