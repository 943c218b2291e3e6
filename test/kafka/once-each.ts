// For who reads topics: what is handed over again, because a slow reader lost its place in the group, was said once all the same.
import type { IncomingMessage } from '#libs/messaging';

/** Answers what leaves out every message of a place that was gone through before; what was thrown at comes again. */
export function onceEach(): (messages: readonly IncomingMessage[]) => Iterable<IncomingMessage> {
  const places = new Set<string>();
  return function* (messages) {
    for (const message of messages) {
      const place = `${message.topic} ${message.partition} ${message.offset}`;
      if (!places.has(place)) yield message;
      places.add(place);
    }
  };
}
