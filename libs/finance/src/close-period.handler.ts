// 1 → 3 · closes a month: books what is due in it, fences it off, fixes its figures; called through the CommandBus, twice at once if need be.
import { Inject, Optional } from '@nestjs/common';
import { CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { invariant, newCommandId, refuse, toIso, type Clock, type JsonObject } from '#libs/kernel';
import {
  EventStoreUnavailable,
  KEY_CONFLICT,
  type CommandMeta,
  type EventStore,
  type Executed,
  type KeyedCommands,
  type Position,
  type PreparedCommand,
  type RequestContext,
  type WriteResult,
} from '#libs/event-store';
import { BookDue } from '#libs/ledger';
import { CLOCK, EVENT_STORE, FINANCE_READS, HEAD_SOURCE, KEYED_COMMANDS, READ_MODELS } from '#libs/platform';
import { ClosePeriod } from './finance.messages.js';
import type { FinanceReads, HeadSource } from './finance.port.js';
import type { PeriodView } from './finance.views.js';
import { isMonth, monthRange } from './months.js';
import { PERIOD_FACT_VERSIONS, periodsStream, type PeriodFact } from './period.facts.js';
import { closedPeriodView, foldPeriods, type Fence, type Periods } from './periods.js';

interface Closing {
  period: PeriodView;
  created: boolean;
}

/** A close that meets another one reads anew what that one wrote, and goes on from there: it cannot meet many. */
const ATTEMPTS_MAX = 10;
const PROJECTED_TIMEOUT_MS = 60_000;
/** Accounts on which what is due is booked side by side. */
const BOOKED_AT_ONCE = 16;
/** What came due while the rest was booked is looked for again, this often. */
const BOOKING_ROUNDS_MAX = 10;

type Written = { position: Position; revision: number } | 'moved_on' | typeof KEY_CONFLICT;

@CommandHandler(ClosePeriod)
export class ClosePeriodHandler implements ICommandHandler<ClosePeriod> {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KEYED_COMMANDS) private readonly keyed: KeyedCommands,
    @Inject(FINANCE_READS) private readonly reads: FinanceReads,
    @Inject(READ_MODELS) private readonly projected: { waitFor(position: Position, timeoutMs: number): Promise<boolean> },
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(CLOCK) private readonly clock: Clock,
    @Optional() @Inject(HEAD_SOURCE) private readonly heads: HeadSource | null,
  ) {}

  async execute({ context, period }: ClosePeriod): Promise<WriteResult<Closing>> {
    if (!isMonth(period)) {
      const detail = 'must be a month, as in 2026-11';
      return {
        ok: false,
        ...refuse('validation_failed', `There is no month "${period.slice(0, 20)}".`, { errors: [{ pointer: '/period', detail }] }),
      };
    }
    return this.keyed.run<Closing>(context, {
      execute: (prepared) => this.close(context, period, prepared),
      replay: (recorded) => this.replay(context.tenant, period, recorded.facts[0]?.type === 'PeriodClosed', recorded.position),
    });
  }

  private async replay(tenant: string, period: string, created: boolean, position: Position): Promise<WriteResult<Closing>> {
    const closed = (await this.periods(tenant)).closed.get(period);
    if (closed === undefined) return { ok: false, ...refuse('idempotency_key_reused', 'The key was used for another period.') };
    return { ok: true, view: { period: closedPeriodView(closed.data), created }, position, replayed: true };
  }

  private async close(context: RequestContext, period: string, { meta }: PreparedCommand): Promise<Executed<Closing>> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const periods = await this.periods(context.tenant);
      const closed = periods.closed.get(period);
      if (closed !== undefined) {
        const view = { period: closedPeriodView(closed.data), created: false };
        const unchanged = { stream: periodsStream(context.tenant), revision: closed.revision };
        return { unchanged, result: { ok: true, view, position: closed.position, replayed: false } };
      }
      const fence = periods.fences.get(period);
      if (fence === undefined) {
        const refusal = await this.fenceOff(context, period, periods);
        if (refusal !== null) return refusal;
        continue;
      }
      const written = await this.fixFigures(context.tenant, period, periods, fence, meta);
      if (written === KEY_CONFLICT) return KEY_CONFLICT;
      if (written !== 'moved_on') return written;
    }
    throw new EventStoreUnavailable('the periods moved on again and again while one was being closed');
  }

  private async periods(tenant: string): Promise<Periods> {
    return foldPeriods(await this.store.readStream(periodsStream(tenant)));
  }

  /** Null once a fence stands, this one or another's; a refusal where the month cannot be closed yet. */
  private async fenceOff(
    context: RequestContext,
    period: string,
    periods: Periods,
  ): Promise<(WriteResult<Closing> & { ok: false }) | null> {
    const { from, to } = monthRange(period);
    if (this.clock.now() < to)
      return { ok: false, ...refuse('conflict', `The period ${period} is not over before ${toIso(to)}.`, { period, to: toIso(to) }) };
    await this.caughtUp();
    const early = await this.openBefore(context.tenant, period, periods);
    if (early !== null) return early;
    await this.bookDueBefore(context.tenant, to);
    // A lapse that nobody had booked may fall into a month that had no postings so far.
    const late = await this.openBefore(context.tenant, period, periods);
    if (late !== null) return late;
    const started = { period, from: toIso(from), to: toIso(to), closedAt: toIso(this.clock.now()), closedBy: context.actor };
    const { tenant, actor, correlationId, causationId } = context;
    const meta = { commandId: newCommandId(), tenant, actor, correlationId, causationId, requestHash: null };
    await this.append(tenant, meta, periods.revision, { type: 'PeriodCloseStarted', data: started });
    return null;
  }

  private async openBefore(tenant: string, period: string, periods: Periods): Promise<(WriteResult<Closing> & { ok: false }) | null> {
    const open = (await this.reads.months(tenant)).filter((month) => month < period && !periods.closed.has(month));
    if (open.length === 0) return null;
    return { ok: false, ...refuse('conflict', `Earlier periods with postings are still open: ${open.slice(0, 12).join(', ')}.`, { open }) };
  }

  /** Every lapse and reset before the month's end, on every account, and seen by the read models. */
  private async bookDueBefore(tenant: string, to: number): Promise<void> {
    for (let round = 0; round < BOOKING_ROUNDS_MAX; round += 1) {
      const accounts = await this.reads.accountsDueBefore(tenant, to);
      if (accounts.length === 0) return;
      const left = accounts.values();
      const workers = Array.from({ length: Math.min(BOOKED_AT_ONCE, accounts.length) }, async () => {
        for (const accountId of left) await this.commands.execute(new BookDue(tenant, accountId));
      });
      await Promise.all(workers);
      await this.caughtUp();
    }
    throw new EventStoreUnavailable('what is due in the period could not be booked');
  }

  /** From the fence on nothing can change them; a close that was interrupted here is ended by the next one. */
  private async fixFigures(
    tenant: string,
    period: string,
    periods: Periods,
    fence: Fence,
    meta: CommandMeta,
  ): Promise<WriteResult<Closing> | 'moved_on' | typeof KEY_CONFLICT> {
    if (!(await this.projected.waitFor(fence.position, PROJECTED_TIMEOUT_MS)))
      throw new EventStoreUnavailable('the journal lags too far behind the log');
    const { from, to } = monthRange(period);
    const {
      position: read,
      groups: _groups,
      nextCursor: _cursor,
      ...summary
    } = await this.reads.summary({ tenant, accounts: null }, { from, to }, null);
    invariant(read >= fence.position, () => `the figures of ${period} stand at ${read}, before their fence ${fence.position}`);
    const head = (await this.heads?.head()) ?? null;
    const { position, closedAt, closedBy } = fence;
    const proof = { treeSize: head?.treeSize ?? null, checkpoint: head?.checkpoint ?? null };
    const data = { period, from: toIso(from), to: toIso(to), closedAt, closedBy, position, ...proof, summary };
    const written = await this.append(tenant, meta, periods.revision, { type: 'PeriodClosed', data });
    if (written === 'moved_on' || written === KEY_CONFLICT) return written;
    return { ok: true, view: { period: closedPeriodView(data), created: true }, position: written.position, replayed: false };
  }

  private async append(tenant: string, meta: CommandMeta, expectedRevision: number, fact: PeriodFact): Promise<Written> {
    const facts = [{ type: fact.type, schemaVersion: PERIOD_FACT_VERSIONS[fact.type], data: fact.data as unknown as JsonObject }];
    const appended = await this.store.append({ meta, appends: [{ stream: periodsStream(tenant), expectedRevision, facts }] });
    if (appended.ok) return { position: appended.position, revision: expectedRevision + 1 };
    return appended.conflict === 'key' ? KEY_CONFLICT : 'moved_on';
  }

  private async caughtUp(): Promise<void> {
    if (!(await this.projected.waitFor(await this.store.head(), PROJECTED_TIMEOUT_MS)))
      throw new EventStoreUnavailable('the journal lags too far behind the log');
  }
}
