// 1 HTTP in · a body that is taken in as it arrives: what type it says it is, how much of it may come, and whether it broke off; called by the routes of bills and logs.
import type { FastifyRequest } from 'fastify';
import { ApiProblem } from '../problems/problem.js';

export interface Upload<Type extends string> {
  type: Type;
  body: AsyncIterable<Uint8Array>;
}

/** `detail`: what the route takes, said to whom sends another type, or another charset than UTF-8. */
export function uploadOf<Type extends string>(request: FastifyRequest, types: readonly Type[], detail: string): Upload<Type> {
  const declared = request.headers['content-type'] ?? '';
  const name = (declared.split(';')[0] as string).trim().toLowerCase();
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(declared)?.[1]?.toLowerCase() ?? 'utf-8';
  const { body } = request;
  const isStream = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
  const type = types.find((each) => each === name);
  if (type === undefined || !isStream || (charset !== 'utf-8' && charset !== 'utf8'))
    throw new ApiProblem('unsupported_media_type', detail);
  return { type, body: body as AsyncIterable<Uint8Array> };
}

/** `detail`: what is said once more than `bytesMax` have come. */
export async function* limitedTo(bytesMax: number, body: AsyncIterable<Uint8Array>, detail: string): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new ApiProblem('payload_too_large', detail);
    yield chunk;
  }
}

/** A connection that broke off is nobody's fault that the log must keep: whoever still listens is told. */
export function brokeOff(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'HPE_INVALID_EOF_STATE';
}
