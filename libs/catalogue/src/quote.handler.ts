// 1 → 2 · answers what a generation would cost and whether it may run, and keeps that answer for fifteen minutes.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { commandIdOf, isRefusal, keyDigest, refuse, type InstantMs, type JsonObject, type Refusal } from '#libs/kernel';
import { KEY_CONFLICT, NO_STREAM, requestClaimed, tenantStream } from '#libs/event-store';
import type { EventStore, Executed, KeyedCommands, PreparedCommand, RequestContext, Sessions, WriteResult } from '#libs/event-store';
import { ledgerContexts, policiesOf, previewReserve, type AccountState, type LedgerContextOf, type ReservePreview } from '#libs/ledger';
import { ACCOUNT_SESSIONS, CATALOGUE, CONFIG, EVENT_STORE, KEYED_COMMANDS, QUOTE_STORE, type Config } from '#libs/platform';
import { CreateQuote } from './catalogue.messages.js';
import type { Catalogue, Priced } from './catalogue.port.js';
import type { QuoteView } from './catalogue.view.js';
import { refuseFields } from './field-errors.js';
import { quoteOf } from './quote.js';
import { QUOTE_QUANTITY_MAX, type QuoteStore, type StoredQuote } from './quote.port.js';

@CommandHandler(CreateQuote)
export class CreateQuoteHandler implements ICommandHandler<CreateQuote> {
  private readonly ledgerContext: LedgerContextOf;

  constructor(
    @Inject(KEYED_COMMANDS) private readonly keyed: KeyedCommands,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(ACCOUNT_SESSIONS) private readonly accounts: Sessions<AccountState>,
    @Inject(CATALOGUE) private readonly catalogue: Catalogue,
    @Inject(QUOTE_STORE) private readonly quotes: QuoteStore,
    @Inject(CONFIG) config: Config,
  ) {
    this.ledgerContext = ledgerContexts(policiesOf(config), catalogue);
  }

  async execute({ context, input }: CreateQuote): Promise<WriteResult<QuoteView>> {
    // Before anything is replayed: an answer tells what the account has.
    if (context.accounts !== null && !context.accounts.includes(input.accountId)) return refused(noSuchAccount());
    return this.keyed.run<QuoteView>(context, {
      execute: (prepared) => this.create(context, input, prepared),
      replay: () => this.replay(context),
    });
  }

  private async create(context: RequestContext, input: CreateQuote['input'], prepared: PreparedCommand): Promise<Executed<QuoteView>> {
    const { meta } = prepared;
    const { accountId, model, parameters, quantity = 1 } = input;
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > QUOTE_QUANTITY_MAX) {
      return refused(refuseFields([{ pointer: '/quantity', detail: `must be a whole number from 1 to ${QUOTE_QUANTITY_MAX}` }]));
    }
    // What the account's stream holds up to here is in the state read after it.
    const position = await this.store.head();
    const seen = await this.look(context.tenant, accountId, model, parameters, quantity, meta.commandId);
    if (isRefusal(seen)) return refused(seen);
    const isKeyed = meta.keyDigest !== undefined;
    const request = {
      id: quoteId(meta.commandId),
      tenant: context.tenant,
      accountId,
      quantity,
      requestHash: isKeyed ? meta.requestHash : null,
    };
    const quote = await this.quotes.keep(quoteOf(request, seen.priced, seen.preview, seen.at, position));
    if (!isKeyed) return answered(quote);
    // A crash after the row and before the claim leaves a row that nobody was told of; the same request takes it over, another may not.
    if (quote.requestHash !== meta.requestHash) return refused(keyReused());
    const claim = requestClaimed({ path: context.path, requestHash: meta.requestHash ?? '' });
    const stream = tenantStream('request', context.tenant, meta.commandId);
    const appended = await this.store.append({ meta, appends: [{ stream, expectedRevision: NO_STREAM, facts: [claim] }] });
    return appended.ok ? answered(quote) : KEY_CONFLICT;
  }

  /** Account, price and the gate's answer, all at one instant. */
  private async look(
    tenant: string,
    accountId: string,
    modelId: string,
    parameters: JsonObject | undefined,
    quantity: number,
    commandId: string,
  ): Promise<Refusal | { priced: Priced; preview: ReservePreview; at: InstantMs }> {
    const stream = tenantStream('account', tenant, accountId);
    const judge = (
      state: AccountState,
      _revision: number,
      at: InstantMs,
    ): Refusal | { priced: Priced; preview: ReservePreview; at: InstantMs } => {
      if (!state.isOpen) return noSuchAccount();
      const priced = this.catalogue.price(modelId, parameters, at);
      if (isRefusal(priced)) return priced;
      const { minimumPlan } = priced.model;
      // A plan that nobody defined is out of reach.
      const rank = this.catalogue.plan(minimumPlan)?.rank ?? Infinity;
      const preview = previewReserve(state, at, this.ledgerContext(commandId), priced.credits * quantity, { id: minimumPlan, rank });
      return { priced, preview, at };
    };
    const seen = await this.accounts.read(stream, judge);
    if (!isRefusal(seen) || seen.code !== 'unknown_model') return seen;
    // Another process may have listed it a moment ago.
    await this.catalogue.refresh();
    return this.accounts.read(stream, judge);
  }

  private async replay(context: RequestContext): Promise<WriteResult<QuoteView>> {
    const commandId = commandIdOf(keyDigest(context.tenant, context.idempotencyKey ?? ''));
    const quote = await this.quotes.find(context.tenant, quoteId(commandId));
    return quote === null ? refused(keyReused()) : answered(quote);
  }
}

function quoteId(commandId: string): string {
  return `quote_${commandId}`;
}

function answered(quote: StoredQuote): WriteResult<QuoteView> {
  return { ok: true, view: quote.view, position: quote.view.position, replayed: false };
}

function refused(refusal: Refusal): WriteResult<QuoteView> {
  return { ...refusal, ok: false };
}

function noSuchAccount(): Refusal {
  return refuse('not_found', 'There is no such account.');
}

function keyReused(): Refusal {
  return refuse('idempotency_key_reused', 'The Idempotency-Key was used before for another request.');
}
