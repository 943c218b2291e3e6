import { describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { factsTopic, jobsTopic, PUBLISHED_CATEGORIES } from '#libs/messaging';
import { topicsTable } from './topics.document.js';

const settings = { kafkaTopicPrefix: 'rc', kafkaPartitions: 12, kafkaRetentionMs: 5_000 };

describe('the topics', () => {
  it('are named by the prefix, what they carry and the version of their form', () => {
    expect(factsTopic(settings, 'account')).toEqual({ name: 'rc.account.v1', partitions: 12, retentionMs: 5_000 });
    expect(jobsTopic(settings, 'kling', 60_000)).toEqual({ name: 'rc.jobs.kling.v1', partitions: 12, retentionMs: 3_660_000 });
  });

  it('have names that Kafka takes and that no other topic’s metrics collide with', () => {
    for (const category of PUBLISHED_CATEGORIES) expect(factsTopic(settings, category).name).toMatch(/^[a-z0-9.-]{1,249}$/);
  });

  it('are listed in docs/kafka.md as the code has them', () => {
    const file = join(import.meta.dirname, '..', '..', '..', 'docs', 'kafka.md');
    const text = readFileSync(file, 'utf8');
    const written = text.replace(
      /(<!-- topics -->\n)[\s\S]*?(\n<!-- \/topics -->)/,
      (_whole, begin: string, end: string) => begin + topicsTable() + end,
    );
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, written);
    expect(written).toContain(topicsTable());
    expect(text).toBe(written);
  });
});
