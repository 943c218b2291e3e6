// A store that writes a command's streams one after the other, as EventStoreDB does, on the memory store; tests step in between the two.
import type { Clock } from '#libs/kernel';
import {
  EventStoreUnavailable,
  MemoryEventStore,
  type AppendResult,
  type Appended,
  type CommandAppend,
  type CommandFacts,
  type EventStore,
  type MemoryLog,
  type StoredFact,
} from '#libs/event-store';

/** What the processes of one test share beside the log: which streams a command was to write, by the id of its first fact. */
export type Torn = Map<string, CommandAppend>;

export class TornEventStore extends MemoryEventStore implements EventStore {
  override readonly atomicAcrossStreams = false;
  /** Called between a command's first stream and the others; throws where the process dies there. */
  between: (command: CommandAppend) => Promise<void> = () => Promise.resolve();

  constructor(
    clock: Clock,
    log: MemoryLog,
    private readonly torn: Torn,
  ) {
    super(clock, log);
  }

  override submit(command: CommandAppend, settled: (outcome: AppendResult | EventStoreUnavailable) => void): void {
    const [first, ...rest] = command.appends;
    if (first === undefined || rest.length === 0) {
      super.submit(command, settled);
      return;
    }
    super.submit({ meta: command.meta, appends: [first] }, (outcome) => {
      if (outcome instanceof Error || !outcome.ok) settled(outcome);
      else void this.goOn(command, outcome).then(settled, (error: unknown) => settled(error as EventStoreUnavailable));
    });
  }

  private async goOn(command: CommandAppend, first: Appended): Promise<AppendResult> {
    const [own, ...rest] = command.appends as [CommandAppend['appends'][0], ...CommandAppend['appends']];
    const [fact] = await this.readStream(own.stream, { fromRevision: own.expectedRevision + 1, limit: 1 });
    this.torn.set((fact as StoredFact).id, command);
    await this.between(command);
    const { keyDigest: _stands, ...meta } = command.meta;
    let answer: Appended = first;
    for (const append of rest) {
      const outcome = await new Promise<AppendResult>((resolve, reject) =>
        super.submit({ meta, appends: [append] }, (told) => (told instanceof Error ? reject(told) : resolve(told))),
      );
      if (!outcome.ok) return outcome;
      answer = {
        ...outcome,
        revisions: [...answer.revisions, ...outcome.revisions],
        positions: [...answer.positions, ...outcome.positions],
        firstPosition: first.firstPosition,
      };
    }
    return answer;
  }

  override async factsOfCommand(first: StoredFact): Promise<CommandFacts> {
    const command = this.torn.get(first.id);
    if (command === undefined) return super.factsOfCommand(first);
    const facts: StoredFact[] = [];
    let isWhole = true;
    for (const { stream, expectedRevision, facts: own } of command.appends) {
      const standing = await this.readStream(stream, { fromRevision: expectedRevision + 1, limit: own.length });
      const mine = standing.filter(({ id }) => id.startsWith(first.id.slice(0, -4)));
      isWhole &&= mine.length === own.length;
      facts.push(...mine);
    }
    return { facts, isWhole };
  }
}

/** The process is gone: nobody hears an answer, and nothing more is written. */
export function die(): Promise<never> {
  return Promise.reject(new EventStoreUnavailable('the process ended here'));
}
