import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { GrantCreditsDto, OpenAccountDto } from '../accounts/accounts.dto.js';
import { PutModelDto } from '../catalogue/catalogue.dto.js';
import { CreateApiKeyDto } from '../keys/api-keys.dto.js';
import { CreateQuoteDto } from '../quotes/quotes.dto.js';
import { CreateTaskDto } from '../tasks/tasks.dto.js';
import { checkOf, errorsOf } from './dto.check.js';
import { membersOf, schemaOf } from './dto.rules.js';
import type { Dto } from './rules.js';

const GOOD: Array<[Dto, Record<string, unknown>]> = [
  [
    CreateTaskDto,
    {
      accountId: 'acc_1',
      model: 'kling-ai-5s',
      prompt: 'iced tea',
      parameters: { seed: 1 },
      userId: 'u',
      expectedCredits: 70,
      metadata: { shot: '12' },
      briefId: 'brief_1',
      promptVersionId: 'prompt_1@v2',
      variables: { mood: 'calm' },
    },
  ],
  [CreateQuoteDto, { accountId: 'acc_1', model: 'kling-ai-5s', quantity: 3 }],
  [
    GrantCreditsDto,
    {
      bucket: 'purchased',
      credits: 5,
      reference: 'r',
      costBasis: { currency: 'USD', amountMinor: 4999 },
      expiresAt: '2027-01-01T00:00:00+02:00',
    },
  ],
  [OpenAccountDto, { name: 'Moss', plan: 'pro', timezone: 'Europe/Berlin', billingAnchor: '2026-01-31T00:00:00Z' }],
  [PutModelDto, { name: 'M', family: 'f', outputType: 'video', credits: 1, minimumPlan: 'free' }],
  [CreateApiKeyDto, { name: 'k', scopes: ['admin'], accounts: ['a'], tenant: 't' }],
];

describe('the compiled check', () => {
  it.each(GOOD)('takes a good body of %p, and class-validator finds nothing in it', (dto, body) => {
    expect(checkOf(dto)(body)).toBe(true);
    expect(errorsOf(dto, body)).toEqual([]);
  });

  it('gives the verdict of class-validator on any body', () => {
    const junk = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(-1, 1.5, 1e300, '', ' ', '\u0007', 'acc_1', 'a'.repeat(300), [], {}, null, true, '2026-02-30T00:00:00Z'),
    );
    const body = fc.constantFrom(...GOOD).chain(([dto, good]) => {
      const names = [...membersOf(dto).map((member) => member.name), 'constructor', 'toString', 'hasOwnProperty', 'extra'];
      const changes = fc.dictionary(fc.constantFrom(...names), junk, { maxKeys: 3 });
      const drops = fc.subarray(Object.keys(good), { maxLength: 1 });
      return fc.tuple(fc.constant(dto), changes, drops).map(([kind, changed, dropped]) => {
        const made = Object.fromEntries(Object.entries({ ...good, ...changed }).filter(([name]) => !dropped.includes(name)));
        return [kind, made] as const;
      });
    });
    fc.assert(
      fc.property(body, ([dto, made]) => {
        expect(errorsOf(dto, made).length === 0).toBe(checkOf(dto)(made));
      }),
      { numRuns: 1_000 },
    );
  });

  it('points at each member at fault, nested ones included', () => {
    const errors = errorsOf(GrantCreditsDto, {
      bucket: 'gold',
      credits: 1.5,
      reference: 'r',
      costBasis: { currency: 'usd', amountMinor: -1, tax: 1 },
      'a/b~c': 1,
    });
    expect(errors.map((error) => error.pointer).sort()).toEqual([
      '/a~1b~0c',
      '/bucket',
      '/costBasis/amountMinor',
      '/costBasis/currency',
      '/costBasis/tax',
      '/credits',
    ]);
    expect(errors.find((error) => error.pointer === '/credits')?.detail).toBe('must be a whole number from 1 to 1000000000000');
    expect(errors.find((error) => error.pointer === '/costBasis/tax')?.detail).toBe('is not a known member');
  });

  it('counts characters, not code units', () => {
    const task = { accountId: 'a', model: 'm' };
    expect(checkOf(CreateTaskDto)({ ...task, prompt: '🎬'.repeat(20_000) })).toBe(true);
    expect(checkOf(CreateTaskDto)({ ...task, prompt: '🎬'.repeat(20_001) })).toBe(false);
  });

  it('shows the same rules in the OpenAPI schema', () => {
    expect(schemaOf(CreateQuoteDto)).toMatchObject({
      required: ['accountId', 'model'],
      additionalProperties: false,
      properties: { quantity: { type: ['integer', 'null'], minimum: 1 } },
    });
  });
});
