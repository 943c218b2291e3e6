// Injection tokens of the ledger's own parts.
/** LedgerContextOf: what decisions are given, once per command. */
export const LEDGER_CONTEXTS = Symbol('LedgerContexts');
