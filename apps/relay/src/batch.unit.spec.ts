// Shows under whose key a fact's texts are opened before they are published: the account's that it speaks of, or the tenant's own.
import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#libs/kernel';
import { CachedCustomerKeys, MemoryEventStore, MemoryKeyVault, NO_STREAM, processMeta } from '#libs/event-store';
import { batchOf } from './batch.js';

const TENANT = 'default';
const settings = { kafkaTopicPrefix: 'rc', kafkaPartitions: 1, kafkaRetentionMs: 1, deploymentName: 'test', kafkaIncludeText: true };

describe('a published fact with texts', () => {
  it.each<[string, string, JsonObject, string]>([
    ['an account', 'account-default.acc_1', {}, 'acc_1'],
    ['a task', 'task-default.task_1', { accountId: 'acc_1' }, 'acc_1'],
    ['a brief of an account', 'brief-default.bf_1', { accountId: 'acc_1' }, 'acc_1'],
    ['a brief of none', 'brief-default.bf_1', { accountId: null }, ''],
    ['a prompt', 'prompt-default.pr_1', {}, ''],
    ['a clip of an account', 'clip-default.clip_1', { accountId: 'acc_1' }, 'acc_1'],
    ['a clip that was imported', 'clip-default.gen_1', { accountId: null }, ''],
  ])('is opened with the right key: %s', async (_what, stream, data, owner) => {
    const store = new MemoryEventStore({ now: () => 0 });
    const keys = new CachedCustomerKeys(new MemoryKeyVault());
    // Every other key is there too: none of them opens it.
    for (const other of ['', 'acc_1', stream.slice(stream.indexOf('.') + 1)]) await keys.sealerFor(TENANT, other);
    const sealed = (await keys.sealerFor(TENANT, owner)).seal({ note: 'a text' })!;
    const fact = { type: 'Noted', schemaVersion: 1, data: { ...data, note: sealed.refs['note'] }, sealed: sealed.sealed };
    await store.append({ meta: processMeta(TENANT, 'test', null), appends: [{ stream, expectedRevision: NO_STREAM, facts: [fact] }] });
    const page = await store.readAll({ after: '0000000000000000', limit: 10 });
    const { topics } = await batchOf(page, settings, keys);
    expect(JSON.parse(topics[0]!.outgoing[0]!.message.value!.toString())).toMatchObject({ note: { $text: 'a text' } });
    const plain = await batchOf(page, { ...settings, kafkaIncludeText: false }, keys);
    expect(plain.topics[0]!.outgoing[0]!.message.value!.toString()).not.toContain('a text');
  });
});
