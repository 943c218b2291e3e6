// What the CLI's exit codes mean; docs/cli.md lists the same ones.
export const EXIT = {
  done: 0,
  /** Something that should not happen. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The server understood and refused: no such object, no right, … */
  refused: 3,
  /** No server, no database, or a server that is not ready. */
  unavailable: 4,
} as const;

/** Those of the commands that read the ledger itself, as finance.md has them: scripts of auditors tell by them. */
export const LEDGER_EXIT = {
  done: 0,
  /** A difference, or a receipt that is not proven. */
  different: 1,
  /** Wrong use, or input that cannot be read. */
  usage: 2,
  /** It could not run. */
  unavailable: 3,
} as const;

/** Ends a command with one sentence and a code; `body` is what --json prints instead. */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly exitCode: (typeof EXIT)[keyof typeof EXIT] | (typeof LEDGER_EXIT)[keyof typeof LEDGER_EXIT],
    message: string,
    readonly body: object = {},
  ) {
    super(message);
  }
}
