// 1 → 3 · decides whether a request's command runs, is replayed or refused; the record of it is the log itself.
import { invariant, isRefusal, keyDigest, refuse, type ErasableRef, type JsonValue, type Refusal } from '#libs/kernel';
import { EventStoreUnavailable, NO_STREAM, type EventStore, type StoredFact } from '../event-store.port.js';
import type { RequestContext, WriteResult } from '../request-context.js';
import type { CustomerKeys } from '../sealing.port.js';
import { tenantStream } from '../streams.js';
import { TickBatch } from '../tick-batch.js';
import { commandMeta, hashRequest } from './command-meta.js';
import { internalCommandId } from './internal-key.js';
import { KEY_CONFLICT, type KeyedCommand, type KeyedCommands, type PreparedCommand, type RecordedCommand } from './keyed-commands.port.js';
import { requestClaimed, type RequestClaim, type RequestClaimed } from './request-claimed.facts.js';

/** A conflict on the key means that the other command is durable, so the next look finds it; more looks are for a store that lies. */
const LOOKS_MAX = 3;
/** Refusals of the moment, which nobody wants answered for good. */
const TRANSIENT_CODES: ReadonlySet<string> = new Set(['not_ready', 'overloaded', 'too_many_tasks']);

type Texts = Readonly<Record<string, JsonValue | undefined>>;
const NO_TEXTS: Texts = {};

/** With a refusal: of what was to be derived for it. */
type Prepared = PreparedCommand & { refusal?: Refusal };

export class LogKeyedCommands implements KeyedCommands {
  private readonly recorded: TickBatch<string, StoredFact | null>;
  /** The last of the requests that run under a key now, by the key's digest. */
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly store: EventStore,
    private readonly keys: CustomerKeys,
  ) {
    this.recorded = new TickBatch(
      (digests) => store.findByKeyDigests(digests.map((hex) => Buffer.from(hex, 'hex'))),
      () => null,
    );
  }

  async run<View>(context: RequestContext, command: KeyedCommand<View>): Promise<WriteResult<View>> {
    if (context.idempotencyKey !== null)
      return this.inTurn(keyDigest(context.tenant, context.idempotencyKey, command.part).toString('hex'), context, command);
    const prepared = await this.prepare(context, command);
    const executed = prepared.refusal === undefined ? await command.execute(prepared) : refused<View>(prepared.refusal);
    invariant(executed !== KEY_CONFLICT, 'a command without a key met a conflict on its key');
    return 'unchanged' in executed ? executed.result : executed;
  }

  private inTurn<View>(hex: string, context: RequestContext, command: KeyedCommand<View>): Promise<WriteResult<View>> {
    const before = this.running.get(hex);
    const mine = before === undefined ? this.runKeyed(hex, context, command) : before.then(() => this.runKeyed(hex, context, command));
    const settled: Promise<void> = mine
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.running.get(hex) === settled) this.running.delete(hex);
      });
    this.running.set(hex, settled);
    return mine;
  }

  private async runKeyed<View>(hex: string, context: RequestContext, command: KeyedCommand<View>): Promise<WriteResult<View>> {
    const isOwnKey = internalCommandId(context.idempotencyKey) !== null;
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      // A key of the deployment's own was made for this very command: at its first try nothing can stand under it.
      const isNew = look === 0 && isOwnKey && context.forwarded === 'first';
      const first = isNew ? null : await this.recorded.get(hex);
      if (first !== null) return this.replay(first, context, command);
      const prepared = await this.prepare(context, command);
      const executed = prepared.refusal === undefined ? await command.execute(prepared) : refused<View>(prepared.refusal);
      if (executed === KEY_CONFLICT) continue;
      if ('unchanged' in executed) {
        // Nobody asks under the deployment's own key again once the first try is answered: what decided nothing needs no record.
        if (isOwnKey && context.forwarded === 'first') return executed.result;
        if (await this.claim(context, prepared, placeOf(executed))) return executed.result;
      } else if (executed.ok || executed.position !== undefined || context.forwarded !== 'again') {
        return executed;
      } else {
        const { code, detail, fields = null } = executed;
        if (TRANSIENT_CODES.has(code)) throw new EventStoreUnavailable('the command was forwarded, and its outcome is not known');
        if (await this.claim(context, prepared, { refusal: { code, detail, fields } })) return executed;
      }
    }
    throw new EventStoreUnavailable('the facts under an idempotency key could not be found');
  }

  private prepare(context: RequestContext, command: KeyedCommand<unknown>): Promise<Prepared> {
    return command.derive === undefined ? this.seal(context, command) : this.prepareDerived(context, command, command.derive());
  }

  private async prepareDerived(
    context: RequestContext,
    command: KeyedCommand<unknown>,
    deriving: ReturnType<NonNullable<KeyedCommand<unknown>['derive']>>,
  ): Promise<Prepared> {
    const derived = await deriving;
    if (!isRefusal(derived)) return this.seal(context, command, derived);
    return { ...(await this.seal(context, command)), refusal: derived };
  }

  private async seal(context: RequestContext, { erasable, part, body }: KeyedCommand<unknown>, derived?: Texts): Promise<Prepared> {
    const own = erasable?.values ?? NO_TEXTS;
    const texts = derived === undefined ? own : { ...derived, ...given(own) };
    const needsSealer = erasable !== undefined && erasable !== null && hasAny(texts);
    const sealed = needsSealer ? (await this.keys.sealerFor(context.tenant, erasable.accountId)).seal(texts) : null;
    const refs = sealed?.refs ?? {};
    const hashed = derived === undefined ? refs : onlyOf(refs, given(own));
    return { meta: commandMeta(context, hashRequest(context, hashed, body), part), refs, sealed: sealed?.sealed };
  }

  /** Records an answer that wrote nothing; false when another command took the key meanwhile. */
  private async claim(context: RequestContext, { meta, sealed }: PreparedCommand, answer: Partial<RequestClaim>): Promise<boolean> {
    const fact = requestClaimed({ path: context.path, requestHash: meta.requestHash as string, ...answer });
    const append = {
      stream: tenantStream('request', context.tenant, meta.commandId),
      expectedRevision: NO_STREAM,
      facts: [sealed === undefined ? fact : { ...fact, sealed }],
    };
    return (await this.store.append({ meta, appends: [append] })).ok;
  }

  private async replay<View>(first: StoredFact, context: RequestContext, command: KeyedCommand<View>): Promise<WriteResult<View>> {
    const { facts, isWhole } = await this.store.factsOfCommand(first);
    if (!isWhole) {
      // Its texts may never have been written, so the hash that they are a part of says nothing.
      if (command.interrupted === undefined)
        throw new EventStoreUnavailable('the first request under this idempotency key is not done yet');
      return { ...(await command.interrupted(recordedCommand(facts))), replayed: true };
    }
    const refs = await this.refsAgain(facts, context.tenant, command);
    if (refs === null || hashRequest(context, refs, command.body) !== first.requestHash) {
      return { ok: false, ...refuse('idempotency_key_reused', 'This Idempotency-Key was used before for a different request.') };
    }
    const { refusal } = first.type === 'RequestClaimed' ? (first.data as unknown as RequestClaimed['data']) : {};
    if (refusal !== undefined) return { ok: false, ...refusalOf(refusal), position: first.position, replayed: true };
    const result = await command.replay(recordedCommand(facts));
    return { ...result, replayed: true };
  }

  /** The refs that the request's texts would have under the stored salts; null when a text has no salt there, or none that still opens. */
  private async refsAgain(
    facts: readonly StoredFact[],
    tenant: string,
    { erasable }: KeyedCommand<unknown>,
  ): Promise<Record<string, ErasableRef> | null> {
    const refs: Record<string, ErasableRef> = {};
    if (erasable === undefined || erasable === null) return refs;
    const sealed = facts.flatMap((fact) => fact.sealed ?? []);
    for (const [field, value] of Object.entries(erasable.values)) {
      if (value === undefined || value === null) continue;
      const opener = await this.keys.openerFor(tenant, erasable.accountId);
      let digest: string | null = null;
      for (const text of sealed) digest ??= opener?.digestAgain(text, field, value) ?? null;
      if (digest === null) return null;
      refs[field] = { $erasable: digest };
    }
    return refs;
  }
}

function refused<View>(refusal: Refusal): WriteResult<View> {
  return { ok: false, ...refusal };
}

function hasAny(texts: Texts): boolean {
  return Object.values(texts).some((value) => value !== undefined && value !== null);
}

/** Without the members that have no value. */
function given(texts: Texts): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined && value !== null));
}

function onlyOf(refs: Readonly<Record<string, ErasableRef>>, texts: Texts): Record<string, ErasableRef> {
  return Object.fromEntries(Object.entries(refs).filter(([field]) => Object.hasOwn(texts, field)));
}

function placeOf({
  unchanged,
  result,
}: {
  unchanged: { stream: string; revision: number };
  result: WriteResult<unknown>;
}): Partial<RequestClaim> {
  return { targetStream: unchanged.stream, targetRevision: unchanged.revision, targetPosition: result.position };
}

function refusalOf({ code, detail, fields }: NonNullable<RequestClaimed['data']['refusal']>): Refusal {
  return fields === null ? refuse(code, detail) : refuse(code, detail, fields);
}

function recordedCommand(facts: readonly StoredFact[]): RecordedCommand {
  const first = facts[0] as StoredFact;
  const claim = first.type === 'RequestClaimed' ? (first.data as unknown as RequestClaimed['data']) : null;
  return {
    facts,
    position: claim?.targetPosition ?? facts.map(({ position }) => position).reduce((a, b) => (a > b ? a : b)),
    recordedAt: Math.max(...facts.map((fact) => fact.recordedAt)),
    revisionOn(stream) {
      if (claim?.targetStream === stream) return claim.targetRevision;
      return facts.findLast((fact) => fact.stream === stream)?.revision ?? null;
    },
  };
}
