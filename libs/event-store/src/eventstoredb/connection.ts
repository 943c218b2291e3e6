// 3 append · one process's connection to EventStoreDB: the client's own discovery, TLS, credentials and turning to the leader, its calls made bare.
//
// The client's `batchAppend` keeps what waits for an answer in one table for all of its connections: an error of one empties it for all, and
// an answer that comes afterwards ends the process. Its reads have no filter, and its checkpoints come ahead of the events. So the calls are made here.
import { EventStoreDBClient } from '@eventstore/db-client';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { BatchAppendReq, BatchAppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { CallOptions, ClientDuplexStream, ClientReadableStream, Metadata } from '@grpc/grpc-js';

export type ReadCall = ClientReadableStream<ReadResp>;
export type BatchCall = ClientDuplexStream<BatchAppendReq, BatchAppendResp>;

/** What the client keeps for its own commands; the version of the package is pinned for it. */
interface ClientParts {
  GRPCStreamCreator<Call>(client: unknown, name: string, create: (client: StreamsClient) => Call): () => Promise<Call>;
  callArguments(options: { requiresLeader?: boolean }, callOptions: CallOptions): [Metadata, CallOptions];
}

/** The client's own complaint would show the whole URL. */
function clientOf(url: string): EventStoreDBClient {
  try {
    return EventStoreDBClient.connectionString(url);
  } catch {
    throw new Error('EVENTSTOREDB_URL is no URL that the client understands, or a file that it names cannot be read');
  }
}

export class Connection {
  private readonly client: EventStoreDBClient;
  private readonly parts: ClientParts;

  constructor(url: string) {
    this.client = clientOf(url);
    this.parts = this.client as unknown as ClientParts;
  }

  /** Throws where no node is found. Errors of the call itself are the caller's to hear; one that comes when nobody listens any more harms nobody. */
  async read(request: ReadReq, deadlineMs: number): Promise<ReadCall> {
    const deadline = deadlineMs === Infinity ? Infinity : Date.now() + deadlineMs;
    const call = await this.open('read', (client) => client.read(request, ...this.parts.callArguments({}, { deadline })));
    call.on('error', () => undefined);
    return call;
  }

  /** One stream for all appends; a node that is not the leader refuses it, so that the client turns to the leader. */
  async batch(): Promise<BatchCall> {
    const call = await this.open('batchAppend', (client) =>
      client.batchAppend(...this.parts.callArguments({ requiresLeader: true }, { deadline: Infinity })),
    );
    call.on('error', () => undefined);
    return call;
  }

  async close(): Promise<void> {
    await this.client.dispose();
  }

  private open<Call>(name: string, create: (client: StreamsClient) => Call): Promise<Call> {
    return this.parts.GRPCStreamCreator<Call>(streamsGrpc.StreamsClient, name, create)();
  }
}
