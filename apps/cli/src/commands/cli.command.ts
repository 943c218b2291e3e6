// What every command shares: --json, and an end with our exit codes when its command line is wrong.
import { CommandRunner, Option } from 'nest-commander';

export interface JsonOptions {
  json?: boolean;
}

export abstract class CliCommand extends CommandRunner {
  override setCommand(command: Parameters<CommandRunner['setCommand']>[0]): this {
    // Commander would end the process by itself, with its own code.
    command.exitOverride().allowExcessArguments(false);
    return super.setCommand(command);
  }

  @Option({ flags: '--json', description: 'print the answer as one JSON object' })
  parseJson(): boolean {
    return true;
  }
}
