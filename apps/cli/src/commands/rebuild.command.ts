// `rollcredits rebuild <read model>`: has the running projector build the read model anew beside the one that serves, and waits until it is switched in.
import { Command, Option } from 'nest-commander';
import { createPool, parseConfig, startupSentence } from '#libs/platform';
import { ProjectionRegistry, READ_MODEL_LIST, type VersionRow } from '#libs/projections';
import { CliError, EXIT } from '../exit-codes.js';
import { print } from '../lines.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

const LOOK_EVERY_MS = 500;

interface RebuildOptions extends JsonOptions {
  wait?: boolean;
}

@Command({
  name: 'rebuild',
  arguments: '<read-model>',
  description: 'build a read model anew from the log of DATABASE_URL, beside the one that serves; a projector must run',
})
export class RebuildCommand extends CliCommand {
  @Option({ flags: '--no-wait', description: 'do not wait for the switch' })
  parseWait(): boolean {
    return false;
  }

  async run([name = '']: string[], options: RebuildOptions): Promise<void> {
    const { databaseUrl } = parseConfig();
    if (databaseUrl === null)
      throw new CliError(EXIT.usage, 'set DATABASE_URL (that of npm start is what rollcredits url prints)', { code: 'usage' });
    const model = READ_MODEL_LIST.find((candidate) => candidate.name === name);
    if (model === undefined) {
      const names = READ_MODEL_LIST.map((one) => one.name).join(', ');
      throw new CliError(EXIT.usage, `there is no read model ${name}: there are ${names}`, { code: 'usage' });
    }
    const pool = createPool({ databaseUrl, sizeMax: 2, applicationName: 'rollcredits-rebuild', onError: () => undefined });
    try {
      const registry = new ProjectionRegistry(pool);
      const version = await registry.build(model, true);
      if (options.json !== true) print(`${name}: version ${version} is being built.`);
      const state = options.wait === false ? 'building' : await this.#switched(registry, name, version, options.json !== true);
      if (options.json === true) print(JSON.stringify({ readModel: name, version, state }));
      else if (state === 'active') print(`${name}: version ${version} serves.`);
    } catch (error) {
      if (error instanceof CliError) throw error;
      throw new CliError(EXIT.unavailable, startupSentence(error), { code: 'unavailable' });
    } finally {
      await pool.end();
    }
  }

  async #switched(registry: ProjectionRegistry, name: string, version: number, telling: boolean): Promise<VersionRow['state']> {
    let told = '';
    for (;;) {
      const row = (await registry.versions()).find((one) => one.name === name && one.version === version);
      if (row === undefined) throw new CliError(EXIT.refused, `version ${version} of ${name} was dropped`, { code: 'conflict' });
      if (row.failure !== null) {
        const { position, eventId, error } = row.failure;
        throw new CliError(EXIT.refused, `version ${version} of ${name} stopped too, at ${position} (${eventId}): ${error}`, {
          code: 'stopped',
        });
      }
      if (row.state === 'active') return row.state;
      if (telling && row.position !== told) print(`${name}: version ${version} stands at ${row.position}.`);
      told = row.position;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
