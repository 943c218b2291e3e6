// 1 HTTP in · decides whether one key may send another request now: a token bucket that holds one second's worth.
import { ApiProblem } from '../problems/problem.js';
import type { ApiKey } from './api-key.js';

/** Takes a token or throws `rate_limited`; 0 requests a second is no limit. */
export function takeToken(key: ApiKey, requestsPerSecondMax: number, nowMs: number): void {
  if (requestsPerSecondMax === 0) return;
  const refilled = key.refilledAt === 0 ? requestsPerSecondMax : key.tokens + ((nowMs - key.refilledAt) / 1_000) * requestsPerSecondMax;
  key.tokens = Math.min(requestsPerSecondMax, refilled);
  key.refilledAt = nowMs;
  if (key.tokens < 1) {
    const seconds = Math.max(1, Math.ceil((1 - key.tokens) / requestsPerSecondMax));
    throw new ApiProblem(
      'rate_limited',
      `This API key may send ${requestsPerSecondMax} requests a second.`,
      { limit: requestsPerSecondMax },
      { 'Retry-After': String(seconds) },
    );
  }
  key.tokens -= 1;
}
