// `/healthz`, `/readyz` and `/metrics` of a process that has no other port: a projector or an orchestrator on its own.
import { createServer, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { partsAsked, type Readiness } from './readiness.js';

export interface HealthServer {
  url: string;
  close(): Promise<void>;
}

export async function serveHealth(options: { host: string; port: number; readiness: Readiness; metrics: Registry }): Promise<HealthServer> {
  const { host, port, readiness, metrics } = options;
  const routes: Record<string, (response: ServerResponse, query: URLSearchParams) => Promise<void>> = {
    '/healthz': async (response) => answer(response, 200, { status: 'ok' }),
    '/readyz': async (response, query) => {
      const report = await readiness.report(partsAsked(query.get('parts')));
      answer(response, report.status === 'down' ? 503 : 200, report);
    },
    '/metrics': async (response) => {
      const text = await metrics.metrics();
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    },
  };
  const server = createServer((request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const route = routes[path];
    if (route === undefined) answer(response, 404, { status: 404, title: 'Not found' });
    else route(response, new URLSearchParams(query)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, { 'content-type': status === 404 ? 'application/problem+json' : 'application/json' })
    .end(JSON.stringify(body));
}
