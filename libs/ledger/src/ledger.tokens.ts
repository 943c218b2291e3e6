// Injection tokens of the ledger's own parts.
/** RenderContext: what the answers need to know of the deployment. */
export const LEDGER_RENDER_CONTEXT = Symbol('LedgerRenderContext');
/** LedgerContextOf: what decisions are given, once per command. */
export const LEDGER_CONTEXTS = Symbol('LedgerContexts');
