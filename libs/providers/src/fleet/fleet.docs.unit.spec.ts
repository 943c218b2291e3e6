// docs/fleets.md and docs/fleets/ say what the code does; UPDATE_DOCS=1 writes the schemas anew.
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readResult } from './fleet.messages.js';
import { CANCELLATION_SCHEMA, JOB_SCHEMA, RESULT_SCHEMA } from './fleet.schemas.js';

const docs = join(import.meta.dirname, '..', '..', '..', '..', 'docs');

describe('the guide to fleets', () => {
  it.each([
    ['job', JOB_SCHEMA],
    ['result', RESULT_SCHEMA],
    ['cancellation', CANCELLATION_SCHEMA],
  ])('publishes the schema of a %s as the code has it', (name, schema) => {
    const file = join(docs, 'fleets', `${name}.v1.schema.json`);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(schema);
  });

  it('shows messages that are read as it says', () => {
    const guide = readFileSync(join(docs, 'fleets.md'), 'utf8');
    const shown = [...guide.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text!) as { kind?: string });
    const [job, ...results] = shown;
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    expect(ajv.validate(JOB_SCHEMA, job)).toBe(true);
    expect(results.map(({ kind }) => kind)).toEqual(['claimed', 'heartbeat', 'succeeded', 'failed', 'released']);
    for (const result of results) {
      expect(ajv.validate(RESULT_SCHEMA, result)).toBe(true);
      expect(readResult({ value: Buffer.from(JSON.stringify(result)), headers: { ce_id: 'm' } })).toHaveProperty('message');
    }
  });
});
