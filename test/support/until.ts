// Waits for a condition instead of for a time; every suite that watches something asynchronous uses it.

/** Polls until `condition` is true (or answers something); fails after `timeoutMs` with what it waited for. */
export async function until<Value>(
  condition: () => Value | Promise<Value>,
  timeoutMs = 10_000,
  what = 'the condition',
): Promise<NonNullable<Value>> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > endMs) throw new Error(`${what} was not met within ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
