-- One row an attempt: the provider's id of its job, when it had its verdict, and the cost that stands in the books for it.
CREATE TABLE provider_job_vN (
  -- Of the task.
  stream text COLLATE "C" NOT NULL,
  attempt integer NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  provider text COLLATE "C" NOT NULL,
  provider_job_id text COLLATE "C",
  verdict_at timestamptz,
  -- The task was completed by it.
  has_completed boolean NOT NULL,
  -- Null until a cost is booked.
  cost_minor bigint,
  currency text COLLATE "C",
  is_absorbed boolean,
  PRIMARY KEY (stream, attempt)
) WITH (fillfactor = 70);
CREATE INDEX ON provider_job_vN (tenant, provider, provider_job_id);
CREATE INDEX ON provider_job_vN (tenant, provider, verdict_at) WHERE cost_minor IS NOT NULL;

CREATE TABLE bill_vN (
  tenant text COLLATE "C" NOT NULL,
  bill_id text COLLATE "C" NOT NULL,
  position text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, bill_id)
);

-- Every line that was taken, and behind the lines of a bill what it did not speak of: those have no billed_at.
CREATE TABLE bill_line_vN (
  tenant text COLLATE "C" NOT NULL,
  bill_id text COLLATE "C" NOT NULL,
  ordinal bigint NOT NULL,
  provider text COLLATE "C" NOT NULL,
  provider_job_id text COLLATE "C",
  billed_at timestamptz,
  amount_minor bigint,
  currency text COLLATE "C" NOT NULL,
  units numeric,
  state text COLLATE "C" NOT NULL CHECK (state IN ('matched', 'amount_differs', 'orphan', 'missing')),
  task_id text COLLATE "C",
  booked_minor bigint NOT NULL,
  position text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, bill_id, ordinal)
);
CREATE UNIQUE INDEX ON bill_line_vN (tenant, provider, provider_job_id, billed_at) WHERE billed_at IS NOT NULL;
CREATE INDEX ON bill_line_vN (tenant, bill_id, state, ordinal);
