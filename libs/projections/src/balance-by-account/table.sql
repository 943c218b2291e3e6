-- One row an account and one a grant, keyed by the account's stream name, which every fact carries. Nothing indexed changes while credits
-- move, so an update touches the row's own page and no index.
CREATE TABLE balance_account_vN (
  stream text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  -- The name, encrypted under the account's key: opened at read, unreadable once the account was forgotten.
  sealed text,
  plan text NOT NULL,
  pending_plan text,
  timezone text NOT NULL,
  billing_anchor timestamptz NOT NULL,
  next_reset_at timestamptz NOT NULL,
  opened_at timestamptz NOT NULL,
  opened_position text COLLATE "C" NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'suspended')),
  -- What is owed.
  debt bigint NOT NULL CHECK (debt >= 0),
  revision integer NOT NULL,
  position text COLLATE "C" NOT NULL
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX ON balance_account_vN (tenant, opened_position);

CREATE TABLE balance_grant_vN (
  stream text COLLATE "C" NOT NULL,
  grant_id text COLLATE "C" NOT NULL,
  bucket text NOT NULL,
  credits bigint NOT NULL CHECK (credits > 0),
  available bigint NOT NULL CHECK (available >= 0),
  held bigint NOT NULL CHECK (held >= 0),
  -- Net of goodwill.
  consumed bigint NOT NULL CHECK (consumed >= 0),
  expired bigint NOT NULL CHECK (expired >= 0),
  revoked bigint NOT NULL CHECK (revoked >= 0),
  reissued bigint NOT NULL CHECK (reissued >= 0),
  adjusted bigint NOT NULL CHECK (adjusted >= 0),
  repaid bigint NOT NULL CHECK (repaid >= 0),
  -- Whether a balance has to look at it.
  live boolean NOT NULL,
  granted_at timestamptz NOT NULL,
  granted_position text COLLATE "C" NOT NULL,
  -- Tells grants of one fact apart.
  ordinal integer NOT NULL,
  expires_at timestamptz,
  reference text,
  currency text,
  amount_minor bigint,
  reissued_from text,
  -- The dispute that is open over it, or was lost; `frozen` while it is open.
  dispute_id text,
  frozen boolean NOT NULL,
  position text COLLATE "C" NOT NULL,
  PRIMARY KEY (stream, grant_id),
  CONSTRAINT balance_grant_conserves CHECK (credits = available + held + consumed + expired + revoked + reissued + adjusted + repaid),
  CONSTRAINT balance_grant_is_disputed CHECK (NOT frozen OR dispute_id IS NOT NULL),
  CONSTRAINT balance_grant_is_live CHECK (live = (available > 0 OR held > 0))
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX ON balance_grant_vN (stream, granted_position, ordinal);
CREATE INDEX ON balance_grant_vN (stream) WHERE live;

-- Which accounts the last batches changed: a process that keeps rows in memory drops these, at one read a tick.
CREATE TABLE balance_change_vN (
  position text COLLATE "C" PRIMARY KEY,
  streams text[] NOT NULL
);

CREATE TABLE balance_total_vN (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  held bigint NOT NULL CHECK (held >= 0)
) WITH (fillfactor = 10);
INSERT INTO balance_total_vN (held) VALUES (0);
