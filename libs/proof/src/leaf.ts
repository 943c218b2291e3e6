// Decides which bytes of a fact are hashed (finance.md, Leaf): everything that was recorded but the ciphertext of erasable texts.
import { jcs, toIso } from '#libs/kernel';
import type { StoredFact } from '#libs/event-store';

/** RFC 8785 bytes; whoever has them and the hash function can check a fact without us. */
export function leafOf(fact: StoredFact): Buffer {
  const { id, type, schemaVersion, stream, revision, position, actor, tenant, correlationId, causationId, requestHash, data } = fact;
  const recordedAt = toIso(fact.recordedAt);
  return Buffer.from(
    jcs({ id, type, schemaVersion, stream, revision, position, recordedAt, actor, tenant, correlationId, causationId, requestHash, data }),
    'utf8',
  );
}
