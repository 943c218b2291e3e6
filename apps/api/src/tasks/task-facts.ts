// query · a task's own facts as clients see them: without the texts that can be erased, which belong to the task's view.
import { tenantStream, type EventStore, type StoredFact } from '#libs/event-store';
import { TASK_ENDINGS } from '#libs/tasks';
import type { TaskEventView } from '#libs/projections';
import type { ApiKey } from '../keys/api-key.js';
import { maySee } from '../http/context.js';
import { notFound } from '../problems/problem.js';

const ENDINGS: ReadonlySet<string> = new Set(TASK_ENDINGS);

export function taskEvent(fact: StoredFact): TaskEventView {
  return { type: fact.type, at: new Date(fact.recordedAt).toISOString(), position: fact.position, data: withoutErasable(fact.data) };
}

function withoutErasable(data: StoredFact['data']): object {
  const shown = Object.entries(data).filter(([, value]) => !(typeof value === 'object' && value !== null && '$erasable' in value));
  return Object.fromEntries(shown);
}

/** Whether the task is over with this fact. */
export function isEnding(fact: StoredFact): boolean {
  return ENDINGS.has(fact.type);
}

/** A page of the stream from a revision on; not found where the key may not see the task's account. */
export async function readTaskFacts(
  store: EventStore,
  key: ApiKey,
  taskId: string,
  fromRevision: number,
  limit: number,
): Promise<StoredFact[]> {
  const stream = tenantStream('task', key.tenant, taskId);
  const facts = await store.readStream(stream, { fromRevision, limit });
  const first = fromRevision === 0 ? facts[0] : (await store.readStream(stream, { fromRevision: 0, limit: 1 }))[0];
  const accountId = first?.data['accountId'];
  if (typeof accountId !== 'string' || !maySee(key, accountId)) throw notFound('task');
  return facts;
}
