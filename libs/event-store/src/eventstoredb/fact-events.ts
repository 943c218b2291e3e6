// 3 → 4 · how a fact stands in EventStoreDB: its data as JSON, everything else as text in the event's metadata.
import { hash } from 'node:crypto';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { eventId, type InstantMs, type JsonObject } from '#libs/kernel';
import type { NewFact, Position, StoredFact } from '../event-store.port.js';
import type { PendingAppend } from '../pending-append.js';
import type { EncodedEvent } from './append-channel.js';
import { namedPosition } from './log-positions.js';

/** String to string, as newer servers demand. `$correlationId` and `$causationId` are the names that the server itself knows. */
export interface EventMetadata {
  $correlationId: string;
  $causationId?: string;
  commandId: string;
  /** Of the fact within its command. */
  index: string;
  tenant: string;
  actor: string;
  requestHash?: string;
  schemaVersion: string;
  recordedAt: string;
  sealed?: string;
  /** Hex digest of the idempotency key: on the first fact of a keyed command. */
  key?: string;
  /** On the first fact of a command over several streams: its other appends, as JSON of [stream, expected revision, facts]. */
  rest?: string;
  /** Names the call that wrote it: the same command written by somebody else is told apart by it. */
  writer: string;
}

/** An event as it was read. */
export interface ReadEvent {
  id: string;
  /** With the deployment's prefix. */
  stream: string;
  revision: number;
  /** Null only on servers that are too old. */
  position: Position | null;
  type: string;
  data: string;
  metadata: string;
}

export function readEventOf(response: ReadResp): ReadEvent | null {
  const event = response.getEvent()?.getEvent();
  if (event === undefined) return null;
  return {
    id: event.getId()?.getString() ?? '',
    stream: Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString('utf8'),
    revision: Number(event.getStreamRevision()),
    position: namedPosition(event.getCommitPosition(), event.getPreparePosition()),
    type: event.getMetadataMap().get('type') ?? '',
    data: Buffer.from(event.getData_asU8()).toString('utf8'),
    metadata: Buffer.from(event.getCustomMetadata_asU8()).toString('utf8'),
  };
}

/** Null for an event that this product did not write. */
export function metadataOf(event: ReadEvent): EventMetadata | null {
  if (!event.metadata.startsWith('{')) return null;
  const metadata = JSON.parse(event.metadata) as Partial<EventMetadata>;
  return metadata.commandId === undefined || metadata.index === undefined ? null : (metadata as EventMetadata);
}

export function storedFactOf(event: ReadEvent, metadata: EventMetadata, prefix: string): StoredFact {
  return {
    id: eventId(metadata.commandId, Number(metadata.index)),
    type: event.type,
    schemaVersion: Number(metadata.schemaVersion),
    stream: event.stream.slice(prefix.length),
    revision: event.revision,
    position: event.position as Position,
    recordedAt: Number(metadata.recordedAt),
    tenant: metadata.tenant,
    actor: metadata.actor,
    correlationId: metadata.$correlationId,
    causationId: metadata.$causationId ?? null,
    requestHash: metadata.requestHash ?? null,
    data: JSON.parse(event.data) as JsonObject,
    sealed: metadata.sealed ?? null,
  };
}

/** The events of one append of a command. */
export function encodeAppend(
  command: PendingAppend,
  place: { append: number; firstIndex: number; recordedAt: InstantMs; writer: string; ids: readonly string[] },
): EncodedEvent[] {
  const { append, firstIndex, recordedAt, writer, ids } = place;
  const { facts } = command.appends[append] as { facts: NewFact[] };
  return facts.map((fact, offset) => {
    const index = firstIndex + offset;
    return {
      id: ids[index] as string,
      type: fact.type,
      data: command.dataTexts[index] as string,
      metadata: JSON.stringify(metadataFor(command, fact, index, recordedAt, writer)),
    };
  });
}

function metadataFor({ meta, appends }: PendingAppend, fact: NewFact, index: number, recordedAt: InstantMs, writer: string): EventMetadata {
  const { commandId, tenant, actor, correlationId, causationId, requestHash, keyDigest } = meta;
  const isFirst = index === 0;
  return {
    $correlationId: correlationId,
    ...(causationId !== null && { $causationId: causationId }),
    commandId,
    index: String(index),
    tenant,
    actor,
    ...(requestHash !== null && { requestHash }),
    schemaVersion: String(fact.schemaVersion),
    recordedAt: String(recordedAt),
    ...(fact.sealed !== undefined && { sealed: fact.sealed }),
    ...(isFirst && keyDigest !== undefined && { key: keyDigest.toString('hex') }),
    ...(isFirst &&
      appends.length > 1 && {
        rest: JSON.stringify(appends.slice(1).map((each) => [each.stream, each.expectedRevision, each.facts.length])),
      }),
    writer,
  };
}

/**
 * The UUID that the server knows each fact of a command by, made of our own event id and of what the fact says: the server takes the same ids
 * at the same place for the same append, and it compares nothing else.
 */
export function eventUuids(command: PendingAppend): string[] {
  const { commandId } = command.meta;
  let index = -1;
  return command.appends.flatMap(({ facts }) =>
    facts.map(({ type, schemaVersion }) => {
      index += 1;
      return uuidOf(`${eventId(commandId, index)}\n${type}\n${schemaVersion}\n${command.metaText}\n${command.dataTexts[index] as string}`);
    }),
  );
}

const NAMESPACE = '6f0f1a5b-7c1e-5d0a-9b53-2f4d1c8e7a60';

/** A UUID version 5 (RFC 9562 §5.5) of the text. */
export function uuidOf(text: string): string {
  const hex = hash('sha1', `${NAMESPACE}\n${text}`, 'hex');
  const variant = '89ab'[parseInt(hex[16] as string, 16) & 3] as string;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
