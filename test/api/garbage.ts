// What clients send by mistake or on purpose: bodies near to those that a route takes; for the API's specs.
import fc from 'fast-check';

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    -1,
    -0,
    0.1,
    1e-7,
    9007199254740993,
    1e21,
    1e308,
    '',
    ' ',
    '0',
    '\u0000',
    '\ud800',
    '🎬',
    'NaN',
    '2026-02-30T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '$erasable',
    "'; DROP TABLE events; --",
    'x'.repeat(5_000),
    [],
    [[]],
    {},
    null,
    true,
    { $erasable: 'x' },
  ),
  fc.constantFrom('__proto__', 'constructor', 'toString').map((name) => JSON.parse(`{"${name}":{"x":1}}`) as unknown),
);

/** Replaces, adds or drops members, at any depth. */
export function mangled(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fc.oneof({ weight: 1, arbitrary: fc.constant(value) }, { weight: 2, arbitrary: junk });
  const members = Object.entries(value).map(([name, member]) =>
    fc.oneof(
      { weight: 5, arbitrary: fc.constant([[name, member]]) },
      { weight: 2, arbitrary: mangled(member).map((made) => [[name, made]]) },
      { weight: 1, arbitrary: fc.constant([]) },
    ),
  );
  const extra = fc.oneof(
    { weight: 6, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom('extra', 'id', 'briefId', 'a/b~c', 'hasOwnProperty'), junk).map((entry) => [entry]) },
  );
  return fc
    .tuple(...members, extra)
    .map((parts) => Object.fromEntries((parts as unknown[][][]).flat() as unknown as Array<[string, unknown]>));
}
