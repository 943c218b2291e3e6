// Writes docs/errors.md from the catalogue; its spec keeps the committed file equal to this.
import { PROBLEM_TYPES } from './problem.catalogue.js';

export function errorsDocument(): string {
  const rows = [...PROBLEM_TYPES.values()]
    .sort((a, b) => a.status - b.status || (a.code < b.code ? -1 : 1))
    .map(
      (type) =>
        `| \`${type.code}\` | ${type.status} | ${type.retryable ? 'yes' : 'no'} | ${type.meaning}${type.hint ? ` ${type.hint}` : ''} |`,
    );
  return [
    '# Errors',
    '',
    '<!-- Made from the error catalogues of the libs and apps/api/src/problems; `npm run openapi` writes it anew. -->',
    '',
    'Every error is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `instance`, and beside them `code`,',
    '`requestId` (also the `Request-Id` header), `retryable`, for `validation_failed` also `errors: [{pointer, detail}]` with JSON pointers',
    'into the body (or the name of a query parameter), and what the code needs: `required`, `available`, `shortfall`, `requiredPlan`,',
    '`accountPlan`, `taskId`. `type` is `urn:rollcredits:problem:<code>`. Answers with status 429 and 503 carry `Retry-After`.',
    '',
    '| Code | Status | Retryable | When, and what to do |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
