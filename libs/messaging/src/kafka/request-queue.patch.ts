// Repairs a timer of kafkajs 2.2.4 that never rests: its request queue wakes up every millisecond for nothing, and under Node 24 with a negative time; applied when the client is made.
import { createRequire } from 'node:module';

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

const CHECK_INTERVAL_MS = 10;

const queueClass = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  prototype: RequestQueue & Record<string, unknown>;
};

/** Once a process is enough, and more do no harm. */
export function calmRequestQueue(): void {
  queueClass.prototype['scheduleCheckPendingRequests'] = function schedule(this: RequestQueue): void {
    if (this.throttleCheckTimeoutId !== null) return;
    const throttledMs = this.throttledUntil - Date.now();
    // Nothing waits, so nothing has to be looked at: whatever is pushed later asks for a check itself.
    if (this.pending.length === 0 && throttledMs <= 0) return;
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      Math.max(throttledMs, CHECK_INTERVAL_MS),
    );
  };
}
