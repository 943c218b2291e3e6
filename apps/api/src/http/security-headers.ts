// 1 HTTP in · the headers that tell browsers what an answer may do: nothing, but for the Swagger UI at /docs.

const COMMON = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-DNS-Prefetch-Control': 'off',
  'X-Permitted-Cross-Domain-Policies': 'none',
} as const;

/** Answers are about one customer's money: no cache keeps them. */
const API: Readonly<Record<string, string>> = {
  ...COMMON,
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
};

/** Swagger UI runs its own scripts from here, styles elements in place and draws its icons from data URLs. */
const DOCS: Readonly<Record<string, string>> = {
  ...COMMON,
  'Content-Security-Policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** Precomputed: the same objects for every request. */
export function securityHeadersOf(url: string): Readonly<Record<string, string>> {
  return url.startsWith('/docs') ? DOCS : API;
}
