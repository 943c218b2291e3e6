// `rollcredits pilot <file.jsonl>`: what a usable clip cost, from a log of attempts alone; needs no server and no database.
import { writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Command, Option } from 'nest-commander';
import type { RejectedAttempt } from '#libs/studio';
import { CliError, EXIT } from '../exit-codes.js';
import { print } from '../lines.js';
import { pilotHtml } from '../pilot/pilot-html.js';
import { openLog, readPilotLog, REJECTED_SHOWN_MAX, type PilotLog } from '../pilot/pilot-log.js';
import { pilotMarkdown } from '../pilot/pilot-markdown.js';
import { LOG_GROUPS, reportOptionsOf, usage, type PilotOptions } from '../pilot/pilot-options.js';
import { pilotText } from '../pilot/pilot-text.js';
import { pilotOf } from '../pilot/pilot.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

interface PilotCommandOptions extends JsonOptions, PilotOptions {
  markdown?: string;
  html?: string;
}

@Command({
  name: 'pilot',
  arguments: '<file>',
  description: 'what a usable clip cost, from a log of attempts (JSON Lines; - is standard input); needs no server',
})
export class PilotCommand extends CliCommand {
  async run([file = '']: string[], options: PilotCommandOptions): Promise<void> {
    const reportOptions = reportOptionsOf(options);
    for (const out of [options.markdown, options.html])
      if (out !== undefined && file !== '-' && resolve(out) === resolve(file)) throw usage(`${out} is the log itself`);
    const source = file === '-' ? 'standard input' : basename(file);
    const keys =
      reportOptions.groupBy === 'brief' ? (['model', 'promptVersion', 'briefId'] as const) : (['model', 'promptVersion'] as const);
    const log = await readPilotLog(openLog(file), source, keys, sayRejected);
    const { rejectedCount } = log;
    if (rejectedCount > REJECTED_SHOWN_MAX) process.stderr.write(`… and ${rejectedCount - REJECTED_SHOWN_MAX} more lines\n`);

    const pilot = pilotOf(log, reportOptions);
    if (options.markdown !== undefined) write(options.markdown, pilotMarkdown(pilot));
    if (options.html !== undefined) write(options.html, pilotHtml(pilot));
    print(options.json === true ? JSON.stringify({ ...pilot.report, log: logAnswer(log) }) : pilotText(pilot));
    if (rejectedCount > 0) throw new CliError(EXIT.refused, '', { silent: true });
  }

  @Option({ flags: '--markdown <file>', description: 'write the report as Markdown, too' })
  parseMarkdown(file: string): string {
    return file;
  }

  @Option({ flags: '--html <file>', description: 'write the report as one HTML file with charts, too' })
  parseHtml(file: string): string {
    return file;
  }

  @Option({ flags: '--hourly-rate <amount>', description: 'what an hour of review or editing costs (default: 60)' })
  parseHourlyRate(amount: string): string {
    return amount;
  }

  @Option({ flags: '--currency <code>', description: 'of all amounts (default: USD, the currency of a log)' })
  parseCurrency(code: string): string {
    return code;
  }

  @Option({ flags: '--tooling-cost <amount>', description: 'what storage, orchestration and tools cost in all' })
  parseToolingCost(amount: string): string {
    return amount;
  }

  @Option({ flags: '--compliance-cost <amount>', description: 'what compliance cost in all' })
  parseComplianceCost(amount: string): string {
    return amount;
  }

  @Option({ flags: '--benchmark-cost <amount>', description: "today's cost per usable clip; with --quality-bar" })
  parseBenchmarkCost(amount: string): string {
    return amount;
  }

  @Option({ flags: '--quality-bar <rate>', description: 'the least usable rate, 0.25 or 25%; with --benchmark-cost' })
  parseQualityBar(rate: string): string {
    return rate;
  }

  @Option({ flags: '--group-by <slice>', description: `another slice to show: ${LOG_GROUPS.join(', ')}` })
  parseGroupBy(slice: string): string {
    return slice;
  }

  @Option({ flags: '--format <name>', description: 'how the sentence calls the format' })
  parseFormat(name: string): string {
    return name;
  }

  @Option({ flags: '--channel <name>', description: 'how the sentence calls the channel' })
  parseChannel(name: string): string {
    return name;
  }
}

function sayRejected({ line, id, errors }: RejectedAttempt): void {
  const said = errors.map(({ field, detail }) => `${field === null ? '' : `${field} `}${detail}`).join('; ');
  process.stderr.write(`line ${line}${id === null ? '' : ` (${printable(id)})`}: ${printable(said)}\n`);
}

/** What a log says reaches the terminal without what could drive it. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\ufffd');
}

function logAnswer({ accepted, duplicates, rejectedCount, rejected, period }: PilotLog): object {
  return { accepted, duplicates, rejectedCount, rejected, period };
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw usage(`${file} cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}
