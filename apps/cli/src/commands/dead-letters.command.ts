// `rollcredits dead-letters`: what fleet workers said that could not be taken in, and the way to have it taken in after all.
import { Command, CommandRunner, Option, SubCommand } from 'nest-commander';
import { pino } from 'pino';
import { BrokerUnavailable, deadLettersTopic, KafkaMessaging, kafkaSettings, resultsTopic, type Messaging } from '#libs/messaging';
import { parseConfig, type Config } from '#libs/platform';
import { DeadLetters, redrivenMark, redrivenMessage, type DeadLetter } from '#libs/providers';
import { CliError, EXIT } from '../exit-codes.js';
import { columns, print } from '../lines.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

const VALUE_CHARACTERS_MAX = 4_096;

interface LetterOptions extends JsonOptions {
  all?: boolean;
}

abstract class LetterCommand extends CliCommand {
  @Option({ flags: '--all', description: 'list: those that were redriven as well; redrive: every one that was not' })
  parseAll(): boolean {
    return true;
  }

  /** Reads the whole topic, then does the work. */
  protected async withLetters<Result>(
    work: (letters: DeadLetters, messaging: Messaging, config: Config) => Promise<Result>,
  ): Promise<Result> {
    const config = parseConfig();
    const settings = kafkaSettings(config, 'rollcredits-cli');
    if (settings === null) throw new CliError(EXIT.usage, 'set KAFKA_BROKERS: dead letters stand on a Kafka topic', { code: 'usage' });
    const messaging = new KafkaMessaging(settings, pino({ level: 'silent' }));
    try {
      const letters = new DeadLetters({ keepValues: true });
      await messaging.readTopic(deadLettersTopic(config).name, (messages) => messages.forEach((message) => letters.apply(message)));
      return await work(letters, messaging, config);
    } catch (error) {
      if (!(error instanceof BrokerUnavailable)) throw error;
      const brokers = (config.kafkaBrokers ?? []).join(',');
      throw new CliError(EXIT.unavailable, `Kafka at ${brokers} does not answer: ${error.message}`, { code: 'unavailable' });
    } finally {
      await messaging.close();
    }
  }
}

@SubCommand({ name: 'list', description: 'the messages of fleet workers that could not be taken in, oldest first' })
export class ListDeadLettersCommand extends LetterCommand {
  async run(_words: string[], options: LetterOptions): Promise<void> {
    const shown = await this.withLetters(async (letters) => (options.all === true ? letters.all() : letters.open()));
    if (options.json === true) return print(JSON.stringify({ data: shown.map(view) }));
    if (shown.length === 0) return print('There are none.');
    const rows = shown.map((letter) => [
      letter.id,
      new Date(letter.at).toISOString(),
      letter.redriven ? 'redriven' : 'open',
      letter.reason,
      letter.detail,
    ]);
    print(columns(['id', 'at', 'state', 'reason', 'detail'], rows));
  }
}

@SubCommand({ name: 'redrive', arguments: '[ids...]', description: 'send messages to where they first came to, to be judged again' })
export class RedriveDeadLettersCommand extends LetterCommand {
  async run(ids: string[], options: LetterOptions): Promise<void> {
    if ((ids.length === 0) === (options.all !== true))
      throw new CliError(EXIT.usage, 'name the ids that dead-letters list shows, or say --all', { code: 'usage' });
    const result = await this.withLetters(async (letters, messaging, config) => {
      const chosen = options.all === true ? letters.open() : ids.map((id) => known(letters, id));
      const open = chosen.filter((letter) => !letter.redriven);
      const producer = messaging.producer('redrive');
      for (const letter of open) {
        // What stands on a topic was written by whoever may write there: it does not choose where we send.
        if (letter.topic !== resultsTopic(config).name)
          throw new CliError(EXIT.refused, `${letter.id} did not come from ${resultsTopic(config).name}`, {
            code: 'foreign_topic',
            id: letter.id,
          });
        await producer.send(letter.topic, [redrivenMessage(letter)]);
        // A command that ends in between leaves the letter open: redriven once more, it is known by its id.
        await producer.send(deadLettersTopic(config).name, [redrivenMark(letter)]);
      }
      return { redriven: open.map(({ id }) => id), already: chosen.filter((letter) => letter.redriven).map(({ id }) => id) };
    });
    if (options.json === true) return print(JSON.stringify(result));
    print(`Redriven: ${result.redriven.length}.${result.already.length === 0 ? '' : ` Redriven before: ${result.already.join(', ')}.`}`);
  }
}

@Command({
  name: 'dead-letters',
  description: 'messages of fleet workers that could not be taken in: list, redrive',
  subCommands: [ListDeadLettersCommand, RedriveDeadLettersCommand],
})
export class DeadLettersCommand extends CommandRunner {
  override setCommand(command: Parameters<CommandRunner['setCommand']>[0]): this {
    // Its options are those of what is to be done: one of its own would be read before theirs.
    command.exitOverride();
    return super.setCommand(command);
  }

  async run(): Promise<void> {
    throw new CliError(EXIT.usage, 'say what to do: rollcredits dead-letters list, or rollcredits dead-letters redrive', { code: 'usage' });
  }
}

function known(letters: DeadLetters, id: string): DeadLetter {
  const letter = letters.get(id);
  if (letter === null) throw new CliError(EXIT.refused, `there is no dead letter ${id}`, { code: 'not_found', id });
  return letter;
}

function view({ value, ...letter }: DeadLetter): object {
  const text = value === null ? null : value.toString('utf8', 0, VALUE_CHARACTERS_MAX);
  return { ...letter, at: new Date(letter.at).toISOString(), value: text, bytes: value?.length ?? 0 };
}
