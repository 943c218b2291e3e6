// Reads and catch-up subscriptions of the test server, over one stream or $all, with filters, checkpoints and back-pressure.
import { status, type handleServerStreamingCall, type ServerWritableStream } from '@grpc/grpc-js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { failure, nameOf, type ServerParts } from './append.service.js';
import type { Fault } from './faults.js';
import type { LoggedEvent } from './stored-log.js';

type Call = ServerWritableStream<ReadReq, ReadResp>;

const SEARCH_WINDOW_DEFAULT = 32;

export function readHandler(parts: ServerParts): handleServerStreamingCall<ReadReq, ReadResp> {
  return (call) => {
    const options = call.request.getOptions() as ReadReq.Options;
    const stream = options.hasStream() ? nameOf(options.getStream()?.getStreamIdentifier()?.getStreamName_asU8()) : '$all';
    call.on('error', () => undefined);
    const work = options.hasSubscription() ? subscribe(parts, call, options) : read(parts, call, options, stream);
    work.catch((error: unknown) => call.emit('error', error));
  };
}

async function read({ log, faults }: ServerParts, call: Call, options: ReadReq.Options, stream: string): Promise<void> {
  const fault = faults.take('read', stream);
  if (fault?.kind === 'read-silent') return;
  if (fault?.kind === 'read-unavailable') {
    call.emit('error', failure(status.UNAVAILABLE, 'Server Is Not Ready'));
    return;
  }
  const isBackwards = options.getReadDirection() === pb.ReadReq.Options.ReadDirection.BACKWARDS;
  const events = options.hasStream() ? log.stream(stream) : log.all;
  if (options.hasStream() && events.length === 0) {
    const notFound = new pb.ReadResp.StreamNotFound();
    notFound.setStreamIdentifier(options.getStream()?.getStreamIdentifier());
    call.write(new pb.ReadResp().setStreamNotFound(notFound));
    call.end();
    return;
  }
  const matches = filterOf(options);
  let left = BigInt(options.getCount());
  let index = startOf({ events, indexAt: (position) => log.indexAt(position) }, options, isBackwards);
  for (; left > 0n && index >= 0 && index < events.length; index += isBackwards ? -1 : 1) {
    const event = events[index] as LoggedEvent;
    if (!matches(event)) continue;
    left -= 1n;
    if (!(await send(call, eventResponse(event)))) return;
  }
  call.end();
}

interface Readable {
  events: readonly LoggedEvent[];
  indexAt: (position: bigint) => number;
}

/** Where a read begins: forwards with the event at the place asked for, backwards in a stream too, in $all before it. */
function startOf({ events, indexAt }: Readable, options: ReadReq.Options, isBackwards: boolean): number {
  const end = isBackwards ? events.length - 1 : events.length;
  const stream = options.getStream();
  if (stream !== undefined) {
    if (stream.hasStart()) return 0;
    if (stream.hasEnd()) return end;
    const revision = Number(stream.getRevision());
    return isBackwards ? Math.min(revision, end) : revision;
  }
  const all = options.getAll();
  if (all === undefined || all.hasStart()) return 0;
  if (all.hasEnd()) return end;
  const at = indexAt(BigInt(all.getPosition()?.getCommitPosition() ?? 0));
  return isBackwards ? at - 1 : at;
}

async function subscribe({ log, faults }: ServerParts, call: Call, options: ReadReq.Options): Promise<void> {
  const fault = faults.take('subscription', '$all');
  const confirmation = new pb.ReadResp.SubscriptionConfirmation();
  call.write(new pb.ReadResp().setConfirmation(confirmation.setSubscriptionId('subscription')));
  if (fault?.kind === 'subscription-silent') return;
  const bell = new Bell();
  const stop = log.onAppended(() => bell.ring());
  call.on('cancelled', () => bell.ring());
  try {
    await follow(log, call, options, fault, bell);
  } finally {
    stop();
  }
}

async function follow(log: ServerParts['log'], call: Call, options: ReadReq.Options, fault: Fault | null, bell: Bell): Promise<void> {
  const matches = filterOf(options);
  const filter = options.getFilter();
  const checkpointEvery =
    filter === undefined ? Infinity : (filter.getMax() || SEARCH_WINDOW_DEFAULT) * (filter.getCheckpointintervalmultiplier() || 1);
  let cursor = subscriptionStart(log, options, fault?.kind === 'subscription-repeats');
  let scanned = 0;
  let sent = 0;
  let isLive = false;
  while (!isGone(call)) {
    while (cursor < log.all.length && !isGone(call)) {
      const event = log.all[cursor] as LoggedEvent;
      cursor += 1;
      scanned += 1;
      if (matches(event)) {
        if (fault?.kind === 'subscription-dropped' && sent >= (fault.after ?? 0)) {
          call.emit('error', failure(status.UNAVAILABLE, 'Subscription dropped'));
          return;
        }
        sent += 1;
        if (!(await send(call, eventResponse(event)))) return;
      }
      if (scanned % checkpointEvery === 0 && !(await send(call, checkpointResponse(event)))) return;
    }
    if (!isLive) call.write(new pb.ReadResp().setCaughtUp(new pb.ReadResp.CaughtUp()));
    isLive = true;
    await bell.wait();
  }
}

/** Behind the position asked for; with the fault, at it. */
function subscriptionStart(log: ServerParts['log'], options: ReadReq.Options, repeats: boolean): number {
  const all = options.getAll();
  if (all === undefined || all.hasStart()) return 0;
  if (all.hasEnd()) return log.all.length;
  const position = BigInt(all.getPosition()?.getCommitPosition() ?? 0);
  return log.indexAt(repeats ? position : position + 1n);
}

function filterOf(options: ReadReq.Options): (event: LoggedEvent) => boolean {
  const filter = options.getFilter();
  const expression = filter?.getStreamIdentifier() ?? filter?.getEventType();
  if (filter === undefined || expression === undefined) return () => true;
  const textOf = filter.hasStreamIdentifier() ? (event: LoggedEvent) => event.stream : (event: LoggedEvent) => event.type;
  const prefixes = expression.getPrefixList();
  if (prefixes.length > 0) return (event) => prefixes.some((prefix) => textOf(event).startsWith(prefix));
  const pattern = new RegExp(expression.getRegex());
  return (event) => pattern.test(textOf(event));
}

/** False when the reader has gone. Waits for a slow one, as a real server does. */
async function send(call: Call, response: ReadResp): Promise<boolean> {
  if (isGone(call)) return false;
  if (call.write(response)) return true;
  await new Promise<void>((resolve) => {
    const goOn = (): void => {
      for (const name of ['drain', 'cancelled', 'close']) call.off(name, goOn);
      resolve();
    };
    for (const name of ['drain', 'cancelled', 'close']) call.on(name, goOn);
  });
  return !isGone(call);
}

/** Asked anew each time: it changes behind the compiler's back. */
function isGone(call: Call): boolean {
  return call.cancelled || call.destroyed;
}

function eventResponse(event: LoggedEvent): ReadResp {
  const recorded = new pb.ReadResp.ReadEvent.RecordedEvent();
  recorded.setId(new sharedPb.UUID().setString(event.id));
  recorded.setStreamIdentifier(new sharedPb.StreamIdentifier().setStreamName(Buffer.from(event.stream)));
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(String(event.position));
  recorded.setPreparePosition(String(event.position));
  const properties = recorded.getMetadataMap();
  properties.set('type', event.type);
  properties.set('content-type', event.contentType);
  properties.set('created', event.created);
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  const read = new pb.ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(String(event.position));
  return new pb.ReadResp().setEvent(read);
}

function checkpointResponse({ position }: LoggedEvent): ReadResp {
  const checkpoint = new pb.ReadResp.Checkpoint();
  checkpoint.setCommitPosition(String(position)).setPreparePosition(String(position));
  return new pb.ReadResp().setCheckpoint(checkpoint);
}

/** Rung while nobody waits, it ends the next wait at once. */
class Bell {
  private isRung = false;
  private wake: (() => void) | null = null;

  ring(): void {
    this.isRung = true;
    this.wake?.();
  }

  async wait(): Promise<void> {
    if (!this.isRung) await new Promise<void>((resolve) => (this.wake = resolve));
    this.wake = null;
    this.isRung = false;
  }
}
