// The CLI's commands, as nest-commander finds them.
import { Module } from '@nestjs/common';
import { BalanceCommand } from './commands/balance.command.js';
import { DeadLettersCommand, ListDeadLettersCommand, RedriveDeadLettersCommand } from './commands/dead-letters.command.js';
import { MigrateCommand } from './commands/migrate.command.js';
import { RebuildCommand } from './commands/rebuild.command.js';
import { ReceiptCommand } from './commands/receipt.command.js';
import { StatusCommand } from './commands/status.command.js';
import { TaskCommand } from './commands/task.command.js';
import { UrlCommand } from './commands/url.command.js';

@Module({
  providers: [
    StatusCommand,
    BalanceCommand,
    TaskCommand,
    ReceiptCommand,
    UrlCommand,
    MigrateCommand,
    RebuildCommand,
    DeadLettersCommand,
    ListDeadLettersCommand,
    RedriveDeadLettersCommand,
  ],
})
export class CliModule {}
