// 3 append · the one stream that appends travel on: sends one, finds its answer, and says in time when none came.
import { randomUUID } from 'node:crypto';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import timestampPb from 'google-protobuf/google/protobuf/timestamp_pb.js';
import { NO_STREAM, type Position } from '../event-store.port.js';
import type { BatchCall, Connection } from './connection.js';
import { NoAnswer, RefusedByServer } from './failures.js';
import { namedPosition } from './log-positions.js';

export interface EncodedEvent {
  id: string;
  type: string;
  data: string;
  metadata: string;
}

export type AppendAnswer = { isWritten: true; /** Null where the server named none. */ position: Position | null } | { isWritten: false };

interface Waiting {
  resolve: (answer: AppendAnswer) => void;
  reject: (error: unknown) => void;
  timer: NodeJS.Timeout;
  sentAt: number;
}

/** One message of the stream carries at most about this much. */
const MESSAGE_BYTES_MAX = 512 * 1024;
const WRONG_VERSION = 'event_store.client.WrongExpectedVersion';
const REFUSALS = new Set(['AccessDenied', 'StreamDeleted', 'InvalidTransaction', 'MaximumAppendSizeExceeded', 'BadRequest']);

interface Lane {
  call: BatchCall;
  waiting: Map<string, Waiting>;
  answeredAt: number;
}

export class AppendChannel {
  private opening: Promise<Lane> | null = null;

  constructor(
    private readonly connection: Connection,
    private readonly timeoutMs: number,
  ) {}

  /** One attempt; any error but {@link RefusedByServer} leaves open whether it was done. */
  async append(stream: string, expectedRevision: number, events: readonly EncodedEvent[]): Promise<AppendAnswer> {
    const lane = await this.lane();
    return new Promise((resolve, reject) => {
      const id = randomUUID();
      const sentAt = performance.now();
      const timer = setTimeout(() => this.gaveUp(lane, id), this.timeoutMs);
      lane.waiting.set(id, { resolve, reject, timer, sentAt });
      for (const message of messagesOf(id, stream, expectedRevision, events, this.timeoutMs)) lane.call.write(message);
    });
  }

  close(): void {
    void this.opening?.then(
      ({ call }) => call.cancel(),
      () => undefined,
    );
  }

  private lane(): Promise<Lane> {
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  private async open(): Promise<Lane> {
    const call = await this.connection.batch();
    const lane: Lane = { call, waiting: new Map(), answeredAt: performance.now() };
    call.on('data', (response: BatchAppendResp) => answered(lane, response));
    call.on('error', (error) => this.lost(lane, error));
    call.on('end', () => this.lost(lane, new NoAnswer('the append stream ended')));
    return lane;
  }

  private lost(lane: Lane, error: unknown): void {
    this.forget(lane);
    const waiting = [...lane.waiting.values()];
    lane.waiting.clear();
    for (const { reject, timer } of waiting) {
      clearTimeout(timer);
      reject(error);
    }
  }

  /** A stream on which nothing at all was answered since is given up with it. */
  private gaveUp(lane: Lane, id: string): void {
    const waiting = lane.waiting.get(id);
    if (waiting === undefined) return;
    lane.waiting.delete(id);
    waiting.reject(new NoAnswer(`no answer to an append within ${this.timeoutMs} ms`));
    if (lane.answeredAt >= waiting.sentAt) return;
    this.forget(lane);
    lane.call.cancel();
  }

  private forget(lane: Lane): void {
    void this.opening?.then(
      (current) => {
        if (current === lane) this.opening = null;
      },
      () => undefined,
    );
  }
}

function answered(lane: Lane, response: BatchAppendResp): void {
  lane.answeredAt = performance.now();
  const id = response.getCorrelationId()?.getString() ?? '';
  const waiting = lane.waiting.get(id);
  // Given up meanwhile: whoever waited has sent it again and hears that answer.
  if (waiting === undefined) return;
  lane.waiting.delete(id);
  clearTimeout(waiting.timer);
  const success = response.getSuccess();
  if (success !== undefined) {
    const at = success.getPosition();
    const position = at === undefined ? null : namedPosition(at.getCommitPosition(), at.getPreparePosition());
    waiting.resolve({ isWritten: true, position });
    return;
  }
  const error = response.getError();
  const name = error?.getDetails()?.getTypeName() ?? '';
  if (name === WRONG_VERSION) waiting.resolve({ isWritten: false });
  else if (REFUSALS.has(name.slice(name.lastIndexOf('.') + 1)))
    waiting.reject(new RefusedByServer(`EventStoreDB refused an append: ${name}`));
  else
    waiting.reject(new Error(`EventStoreDB answered an append with ${name === '' ? 'nothing known' : name}: ${error?.getMessage() ?? ''}`));
}

function* messagesOf(
  id: string,
  stream: string,
  expectedRevision: number,
  events: readonly EncodedEvent[],
  timeoutMs: number,
): Generator<InstanceType<typeof pb.BatchAppendReq>> {
  const correlation = new sharedPb.UUID().setString(id);
  let message = new pb.BatchAppendReq().setCorrelationId(correlation).setOptions(optionsOf(stream, expectedRevision, timeoutMs));
  let bytes = 0;
  for (const event of events) {
    const size = event.data.length + event.metadata.length;
    if (bytes > 0 && bytes + size > MESSAGE_BYTES_MAX) {
      yield message;
      message = new pb.BatchAppendReq().setCorrelationId(correlation);
      bytes = 0;
    }
    bytes += size;
    const proposed = new pb.BatchAppendReq.ProposedMessage();
    proposed.setId(new sharedPb.UUID().setString(event.id));
    const properties = proposed.getMetadataMap();
    properties.set('type', event.type);
    properties.set('content-type', 'application/json');
    proposed.setData(Buffer.from(event.data));
    proposed.setCustomMetadata(Buffer.from(event.metadata));
    message.getProposedMessagesList().push(proposed);
  }
  yield message.setIsFinal(true);
}

function optionsOf(stream: string, expectedRevision: number, timeoutMs: number): InstanceType<typeof pb.BatchAppendReq.Options> {
  const options = new pb.BatchAppendReq.Options();
  options.setStreamIdentifier(new sharedPb.StreamIdentifier().setStreamName(Buffer.from(stream)));
  options.setDeadline(timestampPb.Timestamp.fromDate(new Date(Date.now() + timeoutMs)));
  if (expectedRevision === NO_STREAM) options.setNoStream(new emptyPb.Empty());
  else options.setStreamPosition(String(expectedRevision));
  return options;
}
