// Whose account a task is on: read from its first fact once, then remembered, because it never changes. Asked by the router for commands that name a task alone.
import { LRUCache } from 'lru-cache';
import { tenantStream, type EventStore } from '#libs/event-store';
import type { AccountOfTask } from './routable-commands.js';

const KNOWN_MAX = 100_000;
/** What cannot be an id is not looked up. */
const TASK_ID_PATTERN = /^task_[0-9a-f]{32}$/;

export function accountsOfTasks(store: Pick<EventStore, 'readStream'>): AccountOfTask {
  const known = new LRUCache<string, string>({ max: KNOWN_MAX });
  return async (tenant, taskId) => {
    if (!TASK_ID_PATTERN.test(taskId)) return null;
    const stream = tenantStream('task', tenant, taskId);
    const found = known.get(stream);
    if (found !== undefined) return found;
    const [first] = await store.readStream(stream, { limit: 1 });
    if (first === undefined) return null;
    const accountId = first.data['accountId'] as string;
    known.set(stream, accountId);
    return accountId;
  };
}
