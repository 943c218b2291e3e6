// The CLI's commands, as nest-commander finds them.
import { Module } from '@nestjs/common';
import { BalanceCommand } from './commands/balance.command.js';
import { DeadLettersCommand, ListDeadLettersCommand, RedriveDeadLettersCommand } from './commands/dead-letters.command.js';
import { MigrateCommand } from './commands/migrate.command.js';
import { PilotCommand } from './commands/pilot.command.js';
import { ReceiptCommand } from './commands/receipt.command.js';
import { ForgetCommand } from './commands/forget.command.js';
import { RebuildCommand } from './commands/rebuild.command.js';
import { VerifyCommand } from './commands/verify.command.js';
import { VerifyReceiptCommand } from './commands/verify-receipt.command.js';
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
    VerifyCommand,
    VerifyReceiptCommand,
    ForgetCommand,
    PilotCommand,
  ],
})
export class CliModule {}
