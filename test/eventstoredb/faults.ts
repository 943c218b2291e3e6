// What a cluster does on a bad day: each fault is armed over the control channel and happens to the next calls that it fits.

export type FaultKind =
  /** An append is refused by a node that is not the leader; the leader it names is this very server. */
  | 'append-not-leader'
  | 'append-unavailable-before'
  | 'append-unavailable-after'
  | 'append-unknown-after'
  | 'append-cancelled-after'
  | 'append-aborted-after'
  /** No answer ever comes; the first one writes nothing, the second one does. */
  | 'append-silent-before'
  | 'append-silent-after'
  /** The append is written, its answer names no position. */
  | 'append-no-position'
  | 'read-unavailable'
  | 'read-silent'
  /** Reads and subscriptions end in an error after `after` events. */
  | 'subscription-dropped'
  /** The subscription begins with the event that it was to begin behind. */
  | 'subscription-repeats'
  /** The subscription is confirmed, and nothing more is said. */
  | 'subscription-silent';

export interface Fault {
  kind: FaultKind;
  /** How many calls it happens to; default 1. */
  times?: number;
  /** Only on streams whose name contains this; default all. */
  stream?: string;
  /** For `subscription-dropped`: how many events are sent before; default 0. */
  after?: number;
}

export class Faults {
  private readonly armed: Array<Required<Fault>> = [];
  /** How often each kind happened. */
  readonly counts = new Map<FaultKind, number>();

  arm({ kind, times = 1, stream = '', after = 0 }: Fault): void {
    this.armed.push({ kind, times, stream, after });
  }

  clear(): void {
    this.armed.length = 0;
  }

  /** The fault that happens to this call, if any. */
  take(call: 'append' | 'read' | 'subscription', stream: string): Required<Fault> | null {
    const index = this.armed.findIndex((fault) => fault.kind.startsWith(`${call}-`) && stream.includes(fault.stream));
    const fault = this.armed[index];
    if (fault === undefined) return null;
    fault.times -= 1;
    if (fault.times <= 0) this.armed.splice(index, 1);
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    return fault;
  }
}
