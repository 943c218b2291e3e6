// 1 HTTP in · what a quote is asked with.
import { QUOTE_QUANTITY_MAX } from '#libs/catalogue';
import type { JsonObject } from '#libs/kernel';
import { AccountId, CatalogueId } from '../validation/words.js';
import { JsonObjectOf, Optional, WholeNumber } from '../validation/rules.js';

/** The names that every model knows; what a provider declares beside them is checked by the catalogue. */
export const PARAMETERS_DESCRIPTION =
  "durationSeconds, resolution, outputType, seed, deadlineMs (100…86,400,000), simulate, and what the model's provider declares; any other is refused.";

export class CreateQuoteDto {
  @AccountId()
  accountId!: string;

  @CatalogueId()
  model!: string;

  @Optional()
  @JsonObjectOf(PARAMETERS_DESCRIPTION)
  parameters?: JsonObject;

  @Optional()
  @WholeNumber(1, QUOTE_QUANTITY_MAX)
  quantity?: number;
}
