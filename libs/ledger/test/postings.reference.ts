// The journal's postings (finance.md, Journal) derived from facts alone: shows that a fact carries all that finance will ask of it.
import type { AccountFact, GrantPart, GrantTerms, Release } from '#libs/ledger';

export interface ReferencePosting {
  account: string;
  commodity: string;
  amount: number;
}

/** The postings of one fact; they add up to zero in every commodity. */
export function postingsOf(fact: AccountFact): ReferencePosting[] {
  switch (fact.type) {
    case 'CreditsGranted':
      return granted(fact.data);
    case 'CreditsReserved':
      return fact.data.reservations.flatMap((terms) =>
        terms.drawdown.flatMap((part) => credits(part, `${part.bucket}:available`, `${part.bucket}:held`)),
      );
    case 'CreditsConsumed': {
      const { model, parts } = fact.data;
      const used = parts.flatMap((part) => [
        ...credits(part, `${part.bucket}:held`, `consumed:${model}`),
        ...money(part, 'liabilities:deferred-revenue', `revenue:usage:${model}`),
      ]);
      return [...used, ...holdBack(fact.data), ...costs(fact.data.providerCost)];
    }
    case 'CreditsRefunded':
      return [
        ...(fact.data.kind === 'hold' ? holdBack(fact.data) : goodwill(fact.data, fact.data.model)),
        ...costs(fact.data.providerCost),
      ];
    case 'CreditsExpired':
      return expired(fact.data.part);
    case 'CycleReset':
      return [...fact.data.lapsed.flatMap(expired), ...(fact.data.granted === null ? [] : granted(fact.data.granted))];
    case 'GrantRevoked': {
      const { part, loss } = fact.data;
      const currency = part.costBasis?.currency ?? '';
      return [
        ...credits(part, `${part.bucket}:available`, `revoked:${part.bucket}`),
        ...money(part, 'liabilities:deferred-revenue', 'assets:clearing'),
        ...pair(currency, loss?.expiredMinor ?? 0, 'assets:clearing', 'revenue:breakage'),
        ...pair(currency, loss?.adjustedMinor ?? 0, 'assets:clearing', 'revenue:adjustment'),
        ...pair(currency, loss?.roundingMinor ?? 0, 'assets:clearing', 'revenue:debt'),
      ];
    }
    case 'DebtRecorded': {
      const { credits: owed, money: worth, bucket, model } = fact.data;
      return [
        ...pair('CREDIT', owed, 'debt', bucket === null ? `consumed:${String(model)}` : `revoked:${bucket}:spent`),
        ...(worth === null ? [] : pair(worth.currency, worth.amountMinor, 'assets:clearing', 'assets:receivable')),
      ];
    }
    case 'DebtRepaid':
      return repaid(fact.data);
    case 'CreditsAdjusted': {
      const { granted: terms, parts, bucket } = fact.data;
      return [
        ...(terms === null ? [] : pair('CREDIT', terms.credits, `adjusted:${bucket}`, `${bucket}:available`)),
        ...parts.flatMap((part) => [
          ...credits(part, `${part.bucket}:available`, `adjusted:${part.bucket}`),
          ...money(part, 'liabilities:deferred-revenue', 'revenue:adjustment'),
        ]),
      ];
    }
    case 'ProviderCostBooked':
      return costs([fact.data.providerCost]);
    case 'DisputeOpened':
    case 'DisputeWon':
    case 'DisputeLost':
    case 'AdjustmentRequested':
    case 'AdjustmentRejected':
    case 'AccountOpened':
    case 'PlanChanged':
    case 'AccountSuspended':
    case 'AccountResumed':
      return [];
  }
}

/** What a purchase takes out of deferred revenue and what leaves the receivable need not be the same, nor of one currency. */
function repaid(data: Extract<AccountFact, { type: 'DebtRepaid' }>['data']): ReferencePosting[] {
  const { cause, part, settlements, goodwill: origin } = data;
  const from = cause === 'purchase' ? 'purchased:available' : `consumed:${String(origin?.model)}`;
  const against = cause === 'purchase' ? 'revenue:debt' : `revenue:usage:${String(origin?.model)}`;
  return [
    ...pair('CREDIT', data.credits, from, 'debt'),
    ...(part === null || cause === 'goodwill' ? [] : money(part, 'liabilities:deferred-revenue', 'revenue:debt')),
    ...settlements.flatMap(({ receivable }) =>
      receivable === null ? [] : pair(receivable.currency, receivable.amountMinor, 'assets:receivable', against),
    ),
  ];
}

function granted(terms: GrantTerms): ReferencePosting[] {
  const issue = pair('CREDIT', terms.credits, `issued:${terms.bucket}`, `${terms.bucket}:available`);
  if (terms.costBasis === null) return issue;
  return [...issue, ...pair(terms.costBasis.currency, terms.costBasis.amountMinor, 'liabilities:deferred-revenue', 'assets:clearing')];
}

function holdBack(release: Release): ReferencePosting[] {
  const parts = [...release.returned, ...release.reissued.map((reissue) => reissue.from)];
  return parts.flatMap((part) => credits(part, `${part.bucket}:held`, `${part.bucket}:available`));
}

function goodwill(release: Release, model: string): ReferencePosting[] {
  const returned = release.returned.flatMap((part) => [
    ...credits(part, `consumed:${model}`, `${part.bucket}:available`),
    ...money(part, 'liabilities:deferred-revenue', `revenue:usage:${model}`),
  ]);
  const reissued = release.reissued.flatMap(({ from, grant }) => [
    ...credits(from, `consumed:${model}`, `${from.bucket}:available`),
    ...(grant.costBasis === null
      ? []
      : pair(grant.costBasis.currency, grant.costBasis.amountMinor, 'liabilities:deferred-revenue', `revenue:usage:${model}`)),
  ]);
  return [...returned, ...reissued];
}

function expired(part: GrantPart): ReferencePosting[] {
  return [
    ...credits(part, `${part.bucket}:available`, `expired:${part.bucket}`),
    ...money(part, 'liabilities:deferred-revenue', 'revenue:breakage'),
  ];
}

function costs(
  booked: ReadonlyArray<{ provider: string; cost: { currency: string; amountMinor: number }; absorbed: boolean }>,
): ReferencePosting[] {
  return booked.flatMap(({ provider, cost, absorbed }) =>
    pair(cost.currency, cost.amountMinor, `liabilities:provider:${provider}`, `expenses:${absorbed ? 'absorbed' : 'provider'}:${provider}`),
  );
}

function credits(part: GrantPart, from: string, to: string): ReferencePosting[] {
  return pair('CREDIT', part.credits, from, to);
}

/** f(x′) − f(x), plus on one side and minus on the other. */
function money(part: GrantPart, plus: string, minus: string): ReferencePosting[] {
  if (part.costBasis === null) return [];
  const f = (gone: number): bigint => (BigInt(part.costBasis?.amountMinor ?? 0) * BigInt(gone)) / BigInt(part.size);
  return pair(part.costBasis.currency, Number(f(part.after.gone) - f(part.before.gone)), minus, plus);
}

function pair(commodity: string, amount: number, minus: string, plus: string): ReferencePosting[] {
  return [
    { account: minus, commodity, amount: -amount },
    { account: plus, commodity, amount },
  ];
}
