// `rollcredits task <id>`: what happened to one generation so far.
import { Command } from 'nest-commander';
import { read, type Body } from '../api-client.js';
import { fields, print } from '../lines.js';
import { ServerCommand, type ServerOptions } from './server.command.js';

@Command({ name: 'task', arguments: '<id>', description: 'what happened to one generation so far' })
export class TaskCommand extends ServerCommand {
  async run([id = '']: string[], options: ServerOptions): Promise<void> {
    const { url, key } = this.server(options);
    const task = await read(url, `/v1/tasks/${encodeURIComponent(id)}`, key);
    if (options.json === true) return print(JSON.stringify(task));
    const credits = task['credits'] as Body;
    const failure = task['failure'] as Body | null;
    const attempts = task['attempts'] as Body[];
    print(
      fields({
        task: String(task['id']),
        account: String(task['accountId']),
        model: String(task['model']),
        status: `${String(task['status'])}${task['uncertain'] === true ? ' (uncertain)' : ''}`,
        settlement: String(task['settlement']),
        credits: ['quoted', 'held', 'consumed', 'refunded'].map((name) => `${name} ${String(credits[name])}`).join(', '),
        attempts:
          attempts
            .map((attempt) => `${String(attempt['number'])} ${String(attempt['provider'])} ${String(attempt['status'])}`)
            .join('; ') || null,
        assets: (task['assets'] as Body[]).map((asset) => String(asset['url'])).join(' ') || null,
        failure: failure === null ? null : `${String(failure['code'])}: ${String(failure['detail'])}`,
        deadline: String(task['deadlineAt']),
        updated: String(task['updatedAt']),
      }),
    );
  }
}
