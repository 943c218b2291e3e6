// Append and BatchAppend of the test server, with whatever fault is armed for them.
import { Metadata, status, type handleBidiStreamingCall, type handleClientStreamingCall, type ServiceError } from '@grpc/grpc-js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import statusPb from '@eventstore/db-client/generated/status_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { AppendReq, AppendResp, BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import anyPb from 'google-protobuf/google/protobuf/any_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Fault, Faults } from './faults.js';
import type { Expected, ProposedEvent, StoredLog, Written } from './stored-log.js';

export interface ServerParts {
  log: StoredLog;
  faults: Faults;
  /** Where this server says that the leader is. */
  address: () => { host: string; port: number };
}

type Answer = { written: Written; hasPosition: boolean } | { error: ServiceError } | 'silence';

export function appendHandler(parts: ServerParts): handleClientStreamingCall<AppendReq, AppendResp> {
  return (call, callback) => {
    let options: AppendReq.Options | undefined;
    const events: ProposedEvent[] = [];
    call.on('data', (request: AppendReq) => {
      if (request.hasOptions()) options = request.getOptions();
      const message = request.getProposedMessage();
      if (message !== undefined) events.push(proposed(message));
    });
    call.on('error', () => undefined);
    call.on('end', () => {
      const stream = nameOf(options?.getStreamIdentifier()?.getStreamName_asU8());
      const expected = expectedOf(options as AppendReq.Options);
      const answer = decide(parts, stream, expected, events);
      if (answer === 'silence') return;
      if ('error' in answer) callback(answer.error);
      else callback(null, appendResponse(answer.written, expected, answer.hasPosition));
    });
  };
}

export function batchAppendHandler(parts: ServerParts): handleBidiStreamingCall<BatchAppendReq, BatchAppendResp> {
  return (call) => {
    const pending = new Map<string, { options: BatchAppendReq.Options; events: ProposedEvent[] }>();
    call.on('error', () => undefined);
    call.on('end', () => call.end());
    call.on('data', (request: BatchAppendReq) => {
      const id = request.getCorrelationId()?.getString() ?? '';
      const options = request.getOptions();
      const batch = pending.get(id) ?? { options: options as BatchAppendReq.Options, events: [] };
      pending.set(id, batch);
      batch.events.push(...request.getProposedMessagesList().map(proposed));
      if (!request.getIsFinal()) return;
      pending.delete(id);
      const stream = nameOf(batch.options.getStreamIdentifier()?.getStreamName_asU8());
      const answer = decide(parts, stream, batchExpectedOf(batch.options), batch.events);
      if (answer === 'silence') return;
      if ('error' in answer) call.emit('error', answer.error);
      else call.write(batchResponse(request, batch.options, answer.written, answer.hasPosition));
    });
  };
}

function decide({ log, faults, address }: ServerParts, stream: string, expected: Expected, events: ProposedEvent[]): Answer {
  const fault = faults.take('append', stream);
  const before = fault === null ? null : faultBefore(fault, address());
  if (before !== null) return before;
  const written = log.append(stream, expected, events);
  const after = fault === null ? null : faultAfter(fault);
  // As EventStoreDB: what stood there already is a success without a position.
  return after ?? { written, hasPosition: fault?.kind !== 'append-no-position' && !(written.ok && written.isRepeated) };
}

function faultBefore({ kind }: Fault, leader: { host: string; port: number }): Answer | null {
  if (kind === 'append-not-leader') {
    const metadata = new Metadata();
    metadata.set('exception', 'not-leader');
    metadata.set('leader-endpoint-host', leader.host);
    metadata.set('leader-endpoint-port', String(leader.port));
    return { error: failure(status.NOT_FOUND, 'Leader info available', metadata) };
  }
  if (kind === 'append-unavailable-before') return { error: failure(status.UNAVAILABLE, 'Server Is Not Ready') };
  return kind === 'append-silent-before' ? 'silence' : null;
}

function faultAfter({ kind }: Fault): Answer | null {
  switch (kind) {
    case 'append-unavailable-after':
      return { error: failure(status.UNAVAILABLE, 'Server Is Too Busy') };
    case 'append-unknown-after':
      return { error: failure(status.UNKNOWN, 'Unexpected failure') };
    case 'append-cancelled-after':
      return { error: failure(status.CANCELLED, 'Operation was cancelled') };
    case 'append-aborted-after':
      return { error: failure(status.ABORTED, 'Operation timed out') };
    case 'append-silent-after':
      return 'silence';
    default:
      return null;
  }
}

export function failure(code: status, details: string, metadata = new Metadata()): ServiceError {
  return Object.assign(new Error(`${code} ${details}`), { code, details, metadata });
}

function proposed(message: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage): ProposedEvent {
  const properties = message.getMetadataMap();
  return {
    id: message.getId()?.getString() ?? '',
    type: properties.get('type') ?? '',
    contentType: properties.get('content-type') ?? '',
    data: Buffer.from(message.getData_asU8()),
    metadata: Buffer.from(message.getCustomMetadata_asU8()),
  };
}

export function nameOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8');
}

function expectedOf(options: AppendReq.Options): Expected {
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasAny()) return 'any';
  return options.hasStreamExists() ? 'stream_exists' : Number(options.getRevision());
}

function batchExpectedOf(options: BatchAppendReq.Options): Expected {
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasAny()) return 'any';
  return options.hasStreamExists() ? 'stream_exists' : Number(options.getStreamPosition());
}

function appendResponse(written: Written, expected: Expected, hasPosition: boolean): AppendResp {
  const response = new pb.AppendResp();
  if (!written.ok) {
    const wrong = new pb.AppendResp.WrongExpectedVersion();
    if (written.current < 0) wrong.setCurrentNoStream(new sharedPb.Empty());
    else wrong.setCurrentRevision(String(written.current));
    if (typeof expected === 'number') wrong.setExpectedRevision(String(expected));
    else if (expected === 'no_stream') wrong.setExpectedNoStream(new sharedPb.Empty());
    else wrong.setExpectedStreamExists(new sharedPb.Empty());
    return response.setWrongExpectedVersion(wrong);
  }
  const success = new pb.AppendResp.Success();
  success.setCurrentRevision(String(written.revision));
  if (hasPosition) {
    const position = new pb.AppendResp.Position();
    success.setPosition(position.setCommitPosition(String(written.position)).setPreparePosition(String(written.position)));
  } else {
    success.setNoPosition(new sharedPb.Empty());
  }
  return response.setSuccess(success);
}

function batchResponse(request: BatchAppendReq, options: BatchAppendReq.Options, written: Written, hasPosition: boolean): BatchAppendResp {
  const response = new pb.BatchAppendResp();
  response.setCorrelationId(request.getCorrelationId());
  response.setStreamIdentifier(options.getStreamIdentifier());
  if (!written.ok) {
    const wrong = new sharedPb.WrongExpectedVersion();
    if (written.current < 0) wrong.setCurrentNoStream(new emptyPb.Empty());
    else wrong.setCurrentStreamRevision(String(written.current));
    if (options.hasNoStream()) wrong.setExpectedNoStream(new emptyPb.Empty());
    else wrong.setExpectedStreamPosition(options.getStreamPosition());
    const details = new anyPb.Any();
    details.pack(wrong.serializeBinary(), 'event_store.client.WrongExpectedVersion');
    const refused = new statusPb.Status();
    refused.setMessage('WrongExpectedVersion');
    refused.setDetails(details);
    return response.setError(refused);
  }
  const success = new pb.BatchAppendResp.Success();
  success.setCurrentRevision(String(written.revision));
  if (hasPosition) {
    const position = new sharedPb.AllStreamPosition();
    success.setPosition(position.setCommitPosition(String(written.position)).setPreparePosition(String(written.position)));
  } else {
    success.setNoPosition(new emptyPb.Empty());
  }
  return response.setSuccess(success);
}
