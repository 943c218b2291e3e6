// 1 → 3 · the key that the deployment itself gives a keyless command which may be decided twice: one that is forwarded to another process.

/** No header can begin with it. */
const PREFIX = '\u0001';

/** `commandId`: of the command, made anew; it names the command for good. */
export function internalKey(commandId: string): string {
  return `${PREFIX}${commandId}`;
}

/** The command id that an internal key names; null for a key that a client sent, or none. */
export function internalCommandId(key: string | null): string | null {
  return key?.startsWith(PREFIX) === true ? key.slice(PREFIX.length) : null;
}
