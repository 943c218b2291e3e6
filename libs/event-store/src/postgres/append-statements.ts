// 3 append · a group of commands as the parameters of append_group and append_checked (0002_event_store.sql).
import { BinaryArray } from './binary-arrays.js';
import type { PendingAppend } from '../pending-append.js';

export const APPEND_GROUP = 'SELECT base, recorded FROM append_group($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)';
export const APPEND_CHECKED = 'SELECT base, recorded, refusals FROM append_checked($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)';

/** Whether this process has seen that the stream reaches the revision: facts are never taken back, so it still does. */
export type HasSeen = (stream: string, revision: number) => boolean;

export class AppendParameters {
  private readonly streams = new BinaryArray('text');
  private readonly revs = new BinaryArray('int4');
  private readonly types = new BinaryArray('text');
  private readonly versions = new BinaryArray('int2');
  private readonly indexes = new BinaryArray('int2');
  private readonly metas = new BinaryArray('text');
  private readonly datas = new BinaryArray('text');
  private readonly sealed = new BinaryArray('text');
  private readonly digests = new BinaryArray('bytea');
  private readonly priorStreams = new BinaryArray('text');
  private readonly priorRevs = new BinaryArray('int4');
  private readonly commands = new BinaryArray('int4');
  private readonly priorCommands = new BinaryArray('int4');

  /** Valid until the next call; see {@link BinaryArray}. */
  of(commands: readonly PendingAppend[], form: 'group' | 'checked', hasSeen: HasSeen): Buffer[] {
    const reached = new Map<string, number>();
    commands.forEach((command, number) => this.push(command, number, form, hasSeen, reached));
    const { streams, revs, types, versions, indexes, metas, datas, sealed, digests, priorStreams, priorRevs } = this;
    const arrays = [streams, revs, types, versions, indexes, metas, datas, sealed, digests, priorStreams, priorRevs];
    const all = form === 'checked' ? [...arrays, this.commands, this.priorCommands] : arrays;
    return all.map((array) => array.take());
  }

  private push(command: PendingAppend, number: number, form: 'group' | 'checked', hasSeen: HasSeen, reached: Map<string, number>): void {
    let index = 0;
    for (const { stream, expectedRevision, facts } of command.appends) {
      const isPriorHere = expectedRevision < 0 || reached.get(stream) === expectedRevision;
      if (!isPriorHere && (form === 'checked' || !hasSeen(stream, expectedRevision))) {
        this.priorStreams.pushText(stream);
        this.priorRevs.pushNumber(expectedRevision);
        if (form === 'checked') this.priorCommands.pushNumber(number);
      }
      let revision = expectedRevision;
      for (const fact of facts) {
        revision += 1;
        this.streams.pushText(stream);
        this.revs.pushNumber(revision);
        this.types.pushText(fact.type);
        this.versions.pushNumber(fact.schemaVersion);
        this.indexes.pushNumber(index);
        this.metas.pushText(command.metaText);
        this.datas.pushText(command.dataTexts[index] as string);
        this.sealed.pushText(fact.sealed ?? null);
        this.digests.pushBytes(index === 0 ? (command.meta.keyDigest ?? null) : null);
        if (form === 'checked') this.commands.pushNumber(number);
        index += 1;
      }
      reached.set(stream, revision);
    }
  }
}
