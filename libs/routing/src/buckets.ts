// Decides which bucket an account falls into: the unit in which accounts are owned and handed over. The same answer in every process and release.

/** Enough that a dozen processes get even parts; few enough that one look at the table shows all. For good: another number is another deployment. */
export const BUCKETS = 64;

/** FNV-1a over the UTF-16 units of tenant and account, folded to the number of buckets. */
export function bucketOf(tenant: string, accountId: string): number {
  let hash = 0x811c9dc5;
  const text = `${tenant}\0${accountId}`;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  // The low bits alone are the worst of this hash.
  hash ^= hash >>> 16;
  return (hash >>> 0) % BUCKETS;
}
