-- A provider's bill while it is imported: whole in here before anything of it is booked, judged once, then booked batch by batch. What was
-- judged stays as it is, so an import that was interrupted goes on to the same end. Gone once the log has all of it.
CREATE TABLE bill_import (
  bill_id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  actor text NOT NULL,
  correlation_id text NOT NULL,
  causation_id text,
  -- `arriving` until the whole body is here, `staged` until its lines are judged, then `judged`.
  state text NOT NULL CHECK (state IN ('arriving', 'staged', 'judged')),
  providers text[] NOT NULL,
  rejected_count bigint NOT NULL,
  -- The first of them as JSON.
  rejected text NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON bill_import (tenant, state, begun_at);

CREATE TABLE bill_import_line (
  bill_id text COLLATE "C" NOT NULL REFERENCES bill_import ON DELETE CASCADE,
  -- The physical line; of a missing job a number behind all lines.
  ordinal bigint NOT NULL,
  provider text COLLATE "C" NOT NULL,
  provider_job_id text COLLATE "C",
  billed_at timestamptz,
  amount_minor bigint,
  currency text COLLATE "C" NOT NULL,
  units numeric,
  -- Null until judged; `conflict`: an earlier line of the same identity says otherwise.
  verdict text CHECK (verdict IN ('fresh', 'duplicate', 'conflict', 'matched', 'amount_differs', 'orphan', 'missing')),
  -- How much of the attempt's cost is set against this line; of a missing job all of it.
  booked_minor bigint,
  recorded_units bigint,
  is_absorbed boolean,
  account_id text,
  task_id text,
  attempt integer,
  model text,
  batch integer,
  PRIMARY KEY (bill_id, ordinal)
);
CREATE INDEX ON bill_import_line (bill_id, provider, provider_job_id, billed_at);
CREATE INDEX ON bill_import_line (bill_id, provider, batch, ordinal);
