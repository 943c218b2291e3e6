-- The journal, a row a posting. recorded_at never decreases with the position, so it leads the key: the log's order, and a range of time is a
-- range of the index. Few postings take effect at another instant than they are recorded at; those have an index of their own.
CREATE TABLE journal_posting_vN (
  tenant text COLLATE "C" NOT NULL,
  recorded_at timestamptz NOT NULL,
  position text COLLATE "C" NOT NULL,
  ordinal integer NOT NULL,
  effective_at timestamptz NOT NULL,
  -- Set where its period was closed already.
  original_effective_at timestamptz,
  account text COLLATE "C" NOT NULL,
  commodity text NOT NULL,
  amount bigint NOT NULL CHECK (amount <> 0),
  event_id text NOT NULL,
  event_type text NOT NULL,
  account_id text COLLATE "C",
  bucket text,
  grant_id text,
  task_id text,
  model text,
  provider text,
  -- The account's plan when it took effect.
  plan text,
  -- The figures that the whole amount counts in, parted by blanks; where parts of it count differently, shares lists {f, m, a} instead.
  figures text NOT NULL,
  shares text,
  PRIMARY KEY (tenant, recorded_at, position, ordinal)
);
CREATE INDEX ON journal_posting_vN (tenant, account_id, recorded_at, position, ordinal);
CREATE INDEX ON journal_posting_vN (tenant, effective_at) WHERE effective_at <> recorded_at;

-- What the postings add up to, by when they take effect: of all of a tenant's accounts ('') by day ('d') and by month ('m'), of each by month.
-- '' stands for what does not apply, too.
CREATE TABLE journal_credit_vN (
  tenant text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  grain text COLLATE "C" NOT NULL CHECK (grain IN ('d', 'm')),
  starts_on date NOT NULL,
  plan text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  available numeric NOT NULL,
  granted numeric NOT NULL,
  adjusted numeric NOT NULL,
  reserved numeric NOT NULL,
  unheld numeric NOT NULL,
  consumed numeric NOT NULL,
  returned numeric NOT NULL,
  repaid numeric NOT NULL,
  expired numeric NOT NULL,
  revoked numeric NOT NULL,
  debt_recorded numeric NOT NULL,
  debt_forgiven numeric NOT NULL,
  consumed_on_debt numeric NOT NULL,
  PRIMARY KEY (tenant, account_id, grain, starts_on, plan, bucket, model)
) WITH (fillfactor = 80);

CREATE TABLE journal_money_vN (
  tenant text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  grain text COLLATE "C" NOT NULL CHECK (grain IN ('d', 'm')),
  starts_on date NOT NULL,
  plan text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  currency text COLLATE "C" NOT NULL,
  outstanding numeric NOT NULL,
  deferred numeric NOT NULL,
  recognised numeric NOT NULL,
  breakage numeric NOT NULL,
  breakage_reversed numeric NOT NULL,
  money_revoked numeric NOT NULL,
  money_adjusted numeric NOT NULL,
  money_repaid numeric NOT NULL,
  receivable numeric NOT NULL,
  provider_cost numeric NOT NULL,
  absorbed_cost numeric NOT NULL,
  unmatched_cost numeric NOT NULL,
  PRIMARY KEY (tenant, account_id, grain, starts_on, plan, bucket, model, currency)
) WITH (fillfactor = 80);

-- The ledger accounts that were ever posted to, for exports that must name them first.
CREATE TABLE journal_account_vN (
  tenant text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  account_id text COLLATE "C",
  PRIMARY KEY (tenant, account)
);
CREATE TABLE journal_commodity_vN (
  tenant text COLLATE "C" NOT NULL,
  commodity text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, commodity)
);

-- Open reservations, gone once they end. cost is what the held credits cost, by currency, rounded down by grant.
CREATE TABLE journal_hold_vN (
  tenant text COLLATE "C" NOT NULL,
  reservation_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  held_at timestamptz NOT NULL,
  credits bigint NOT NULL,
  cost text NOT NULL,
  PRIMARY KEY (tenant, reservation_id)
) WITH (fillfactor = 70);

-- The plan of each account from when on; the latest says what it is on now.
CREATE TABLE journal_plan_vN (
  stream text COLLATE "C" NOT NULL,
  since timestamptz NOT NULL,
  plan text NOT NULL,
  PRIMARY KEY (stream, since)
);

-- How far each tenant's books are closed, as of the checkpoint.
CREATE TABLE journal_closed_vN (
  tenant text COLLATE "C" PRIMARY KEY,
  through timestamptz NOT NULL,
  closed_at timestamptz NOT NULL
);
