// A server that speaks EventStoreDB's gRPC contract, for tests and benches: `node dist/test/eventstoredb/server.main.js [port] [file]`.
import { createServer, type IncomingMessage } from 'node:http';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipPb from '@eventstore/db-client/generated/gossip_pb.js';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { ClusterInfo } from '@eventstore/db-client/generated/gossip_pb.js';
import type { SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb.js';
import { appendHandler, batchAppendHandler, failure, type ServerParts } from './append.service.js';
import { Faults, type Fault } from './faults.js';
import { readHandler } from './read.service.js';
import { StoredLog } from './stored-log.js';

const HOST = '127.0.0.1';

async function main(port: number, file: string | null): Promise<void> {
  const log = new StoredLog(file);
  const faults = new Faults();
  let bound = port;
  const parts: ServerParts = { log, faults, address: () => ({ host: HOST, port: bound }) };
  const server = new Server({ 'grpc.max_receive_message_length': 17 * 1024 * 1024, 'grpc.max_concurrent_streams': 1_000 });
  const unsupported = (_call: unknown, callback: (error: Error) => void): void =>
    callback(failure(status.UNIMPLEMENTED, 'not part of the test server'));
  const streams = {
    read: readHandler(parts),
    append: appendHandler(parts),
    batchAppend: batchAppendHandler(parts),
    delete: unsupported,
    tombstone: unsupported,
  };
  server.addService(streamsGrpc.StreamsService, streams);
  server.addService(featuresGrpc.ServerFeaturesService, {
    getSupportedMethods: (_call: unknown, callback: (error: null, response: SupportedMethods) => void) =>
      callback(null, supportedMethods()),
  });
  server.addService(gossipGrpc.GossipService, {
    read: (_call: unknown, callback: (error: null, response: ClusterInfo) => void) => callback(null, clusterInfo(bound)),
  });
  bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${HOST}:${port}`, ServerCredentials.createInsecure(), (error, taken) =>
      error === null ? resolve(taken) : reject(error),
    );
  });
  const control = await serveControl(log, faults);
  process.stdout.write(`${JSON.stringify({ port: bound, controlPort: control })}\n`);
}

function supportedMethods(): SupportedMethods {
  const methods = new featuresPb.SupportedMethods();
  methods.setEventStoreServerVersion('23.10.0.0');
  for (const name of ['read', 'append', 'batchappend']) {
    const method = new featuresPb.SupportedMethod();
    methods.addMethods(method.setServiceName('event_store.client.streams.streams').setMethodName(name));
  }
  return methods;
}

function clusterInfo(port: number): ClusterInfo {
  const member = new gossipPb.MemberInfo();
  member.setInstanceId(new sharedPb.UUID().setString('00000000-0000-4000-8000-000000000002'));
  member.setTimeStamp(String(Date.now()));
  member.setState(gossipPb.MemberInfo.VNodeState.LEADER);
  member.setIsAlive(true);
  member.setHttpEndPoint(new gossipPb.EndPoint().setAddress(HOST).setPort(port));
  const info = new gossipPb.ClusterInfo();
  info.addMembers(member);
  return info;
}

/** `POST /faults` arms one, `DELETE /faults` takes all back, `GET /` says what happened so far. */
async function serveControl(log: StoredLog, faults: Faults): Promise<number> {
  const server = createServer((request, response) => {
    void (async () => {
      if (request.method === 'POST') faults.arm(JSON.parse(await bodyOf(request)) as Fault);
      else if (request.method === 'DELETE') faults.clear();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ events: log.all.length, faults: Object.fromEntries(faults.counts) }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return (server.address() as { port: number }).port;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const [, , port = '0', file = ''] = process.argv;
await main(Number(port), file === '' ? null : file);
