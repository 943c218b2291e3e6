import { describeEventStore } from '../event-store.contract.js';
import { MemoryEventStore, MemoryLog } from './memory-event-store.js';

describeEventStore('the event store in memory', async () => {
  const log = new MemoryLog();
  const clock = { now: () => Date.now() };
  return { open: () => new MemoryEventStore(clock, log), drop: async () => undefined };
});
