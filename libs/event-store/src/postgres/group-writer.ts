// 3 append · group commit: decides which commands travel together, in which order, and what each one is told.
import type { InstantMs } from '#libs/kernel';
import { EventStoreUnavailable, type AppendResult, type Position } from '../event-store.port.js';
import { toPosition } from '../position.js';
import type { AppendConnection } from './append-connection.postgres.js';
import { APPEND_CHECKED, APPEND_GROUP, AppendParameters } from './append-statements.js';
import { metaOf, type PendingAppend } from '../pending-append.js';
import { STANDING_FACTS, standing, type StandingRow } from './standing-facts.js';
import { isConnectionLost, sqlState } from './unavailable.js';

const ROWS_MAX = 512;
const GROUPS_ON_WIRE_MAX = 2;
/** Where one conflict was, more follow: for so many groups the checked form costs less than the fast one and its rollback. */
const CHECKED_GROUPS_AFTER_CONFLICT = 50;
/** How long an answer that was lost is looked for before its callers are told so. */
const AMBIGUOUS_MAX_MS = 2_500;
const SEEN_STREAMS_MAX = 20_000;
const UNIQUE_VIOLATION = '23505';

interface Group {
  commands: PendingAppend[];
  form: 'group' | 'checked';
  rows: number;
  /** Not set while its connection is lost: it waits to be sent again, identically. */
  isSent: boolean;
  takenAtMs: number;
}

interface Refusal {
  command: number;
  stream: string | null;
  /** Of the fact that stands where the command's own was to stand, or under its key. */
  meta: string | null;
}

export interface WriterObserver {
  onGroup?: (rows: number, latencyMs: number) => void;
  onConflict?: () => void;
}

/**
 * Everything queued when the event loop comes round travels as one transaction; two groups are on the wire at most, never with one stream in
 * both. A group whose answer was lost is sent again as it was: what landed is recognised by its event ids.
 */
export class GroupWriter {
  private queue: PendingAppend[] = [];
  private readonly onWire: Group[] = [];
  /** Streams of the groups on the wire. */
  private readonly busy = new Set<string>();
  private readonly seen = new Map<string, number>();
  private readonly parameters = new AppendParameters();
  private isScheduled = false;
  private isDown = false;
  private checkedGroupsLeft = 0;
  private whenEmpty: (() => void) | null = null;

  constructor(
    private readonly connection: Pick<AppendConnection, 'isUp' | 'query'>,
    private readonly onHead: (head: Position) => void,
    private readonly observer: WriterObserver = {},
    private readonly ambiguousMaxMs = AMBIGUOUS_MAX_MS,
  ) {}

  get queued(): number {
    return this.queue.length;
  }

  push(command: PendingAppend): void {
    this.queue.push(command);
    this.schedule();
  }

  /** Every command has been answered. */
  async drained(): Promise<void> {
    while (this.queue.length > 0 || this.onWire.length > 0) await new Promise<void>((resolve) => (this.whenEmpty = resolve));
  }

  up(): void {
    this.isDown = false;
    for (const group of [...this.onWire]) if (!group.isSent) this.send(group);
    this.schedule();
  }

  /** PostgreSQL is away: what was never sent is refused at once, what may have landed waits a while for an answer. */
  down(): void {
    this.isDown = true;
    const error = new EventStoreUnavailable('PostgreSQL cannot be reached');
    const queue = this.queue;
    this.queue = [];
    const now = performance.now();
    for (const group of [...this.onWire]) if (!group.isSent && now - group.takenAtMs > this.ambiguousMaxMs) this.fail(group, error);
    for (const { settled } of queue) settled(error);
    this.becameIdle();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    if (!this.connection.isUp) {
      if (this.isDown) this.down();
      return;
    }
    while (this.onWire.length < GROUPS_ON_WIRE_MAX && this.queue.length > 0) {
      const group = this.take();
      if (group === null) return;
      this.onWire.push(group);
      this.send(group);
    }
  }

  /** From the queue's front, passing over what shares a stream with a group on the wire, and whatever stands behind that. */
  private take(): Group | null {
    const commands: PendingAppend[] = [];
    const waiting: PendingAppend[] = [];
    const passedOver = new Set<string>();
    let rows = 0;
    let next = 0;
    for (; next < this.queue.length && rows < ROWS_MAX; next += 1) {
      const command = this.queue[next] as PendingAppend;
      const mustWait = command.appends.some(({ stream }) => this.busy.has(stream) || passedOver.has(stream));
      if (mustWait) {
        for (const { stream } of command.appends) passedOver.add(stream);
        waiting.push(command);
      } else if (rows > 0 && rows + command.rows > ROWS_MAX) {
        break;
      } else {
        commands.push(command);
        rows += command.rows;
      }
    }
    if (commands.length === 0) return null;
    this.queue = waiting.length === 0 ? this.queue.slice(next) : [...waiting, ...this.queue.slice(next)];
    for (const { appends } of commands) for (const { stream } of appends) this.busy.add(stream);
    const form = this.checkedGroupsLeft > 0 ? 'checked' : 'group';
    if (form === 'checked') this.checkedGroupsLeft -= 1;
    return { commands, rows, form, isSent: false, takenAtMs: performance.now() };
  }

  private send(group: Group): void {
    group.isSent = true;
    const values = this.parameters.of(group.commands, group.form, (stream, revision) => (this.seen.get(stream) ?? -1) >= revision);
    const text = group.form === 'group' ? APPEND_GROUP : APPEND_CHECKED;
    this.connection.query(`append_${group.form}`, text, values, (error, rows) => {
      if (error !== null) this.failed(group, error);
      else this.landed(group, rows[0] as [base: string, recorded: string, refusals?: string]);
    });
  }

  private failed(group: Group, error: Error): void {
    const wasChecked = group.form === 'checked';
    group.form = 'checked';
    if (isConnectionLost(error)) {
      group.isSent = false;
    } else if (sqlState(error) === UNIQUE_VIOLATION && !wasChecked) {
      this.checkedGroupsLeft = CHECKED_GROUPS_AFTER_CONFLICT;
      this.resend(group);
    } else if (group.commands.length > 1) {
      this.split(group);
    } else {
      this.fail(group, new EventStoreUnavailable('PostgreSQL refused the append', { cause: error }));
    }
  }

  private resend(group: Group): void {
    if (this.connection.isUp) this.send(group);
    else group.isSent = false;
  }

  /** One command may have spoilt it for all, for a reason that only the database knows: each is tried alone. */
  private split(group: Group): void {
    const singles = group.commands.map((command): Group => ({
      ...group,
      commands: [command],
      rows: command.rows,
      form: 'checked',
      isSent: false,
    }));
    this.onWire.splice(this.onWire.indexOf(group), 1, ...singles);
    for (const single of singles) this.resend(single);
  }

  private landed(group: Group, [base, recorded, refusalsText]: [base: string, recorded: string, refusals?: string]): void {
    const refusals = refusalsText === undefined ? [] : (JSON.parse(refusalsText) as Refusal[]);
    const first = Number(base);
    const doubtful = refusals.filter(
      ({ command, meta }) => meta !== null && metaOf(meta)[0] === (group.commands[command] as PendingAppend).meta.commandId,
    );
    if (doubtful.length === 0) {
      this.settle(group, first, Number(recorded), refusals, new Map());
      return;
    }
    if (!this.connection.isUp) {
      group.isSent = false;
      return;
    }
    const { values, match } = standing(doubtful.map(({ command }) => group.commands[command] as PendingAppend));
    this.connection.query('standing_facts', STANDING_FACTS, values, (error, rows) => {
      // What was written stands and will be recognised, so the whole group can be sent again.
      if (error === null) this.settle(group, first, Number(recorded), refusals, match(rows as StandingRow[]));
      else if (isConnectionLost(error)) group.isSent = false;
      else this.fail(group, new EventStoreUnavailable('PostgreSQL refused a read', { cause: error }));
    });
  }

  private settle(group: Group, base: number, recordedAt: InstantMs, refusals: Refusal[], repeated: Map<PendingAppend, AppendResult>): void {
    const refusalOf = new Map(refusals.map((refusal) => [refusal.command, refusal]));
    const refusedStreams = new Set<string>();
    let place = base;
    const outcomes = group.commands.map((command, number): AppendResult => {
      const refusal = refusalOf.get(number);
      const start = place;
      place += command.rows;
      if (refusal === undefined) {
        this.see(command);
        return command.appended(start, recordedAt, false);
      }
      const standsAlready = repeated.get(command);
      if (standsAlready !== undefined) return standsAlready;
      for (const { stream } of command.appends) refusedStreams.add(stream);
      this.checkedGroupsLeft = CHECKED_GROUPS_AFTER_CONFLICT;
      this.observer.onConflict?.();
      return { ok: false, conflict: refusal.stream === null ? 'key' : 'revision', stream: refusal.stream };
    });
    const behind = this.release(group, refusedStreams);
    this.observer.onGroup?.(group.rows, performance.now() - group.takenAtMs);
    group.commands.forEach(({ settled }, number) => settled(outcomes[number] as AppendResult));
    for (const [command, stream] of behind) command.settled({ ok: false, conflict: 'revision', stream });
    if (refusals.length < group.commands.length) this.onHead(toPosition(place));
    this.becameIdle();
  }

  private fail(group: Group, error: EventStoreUnavailable): void {
    const streams = new Set(group.commands.flatMap(({ appends }) => appends.map(({ stream }) => stream)));
    const behind = this.release(group, streams);
    for (const { settled } of group.commands) settled(error);
    for (const [{ settled }] of behind) settled(error);
    this.becameIdle();
  }

  /** Takes the group off the wire, and out of the queue whatever was decided on facts that now will never be. */
  private release(group: Group, refusedStreams: Set<string>): Map<PendingAppend, string> {
    this.onWire.splice(this.onWire.indexOf(group), 1);
    for (const { appends } of group.commands) for (const { stream } of appends) this.busy.delete(stream);
    const behind = new Map<PendingAppend, string>();
    if (refusedStreams.size > 0) {
      this.queue = this.queue.filter((command) => {
        const blocked = command.appends.find(({ stream }) => refusedStreams.has(stream));
        if (blocked === undefined) return true;
        for (const { stream } of command.appends) refusedStreams.add(stream);
        behind.set(command, blocked.stream);
        return false;
      });
    }
    if (this.queue.length > 0) this.schedule();
    return behind;
  }

  /** A stream's first fact is not noted: most streams of that kind are never written by this process again. */
  private see(command: PendingAppend): void {
    if (this.seen.size >= SEEN_STREAMS_MAX) this.seen.clear();
    for (const { stream, expectedRevision, facts } of command.appends) {
      if (expectedRevision >= 0) this.seen.set(stream, expectedRevision + facts.length);
    }
  }

  private becameIdle(): void {
    if (this.queue.length > 0 || this.onWire.length > 0) return;
    this.whenEmpty?.();
    this.whenEmpty = null;
  }
}
