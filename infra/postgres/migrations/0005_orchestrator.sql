-- What the orchestrator still has to do. The log is the truth; these rows are where its reading of the log stands, so that a restart or a
-- second process goes on from here. Rows and checkpoint change in one transaction, fenced by the lease `orchestrator`.
-- All instants are milliseconds of the deployment's clock, which the test clock moves.
CREATE TABLE orchestrator_checkpoint (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  position text COLLATE "C" NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO orchestrator_checkpoint (position) VALUES ('0000000000000000');

-- One row for each task that is not over and settled, or may still bring a late result.
CREATE TABLE live_tasks (
  task_id text COLLATE "C" PRIMARY KEY,
  tenant text NOT NULL,
  account_id text NOT NULL,
  -- The next act, where no process holds the task in memory.
  due_ms bigint NOT NULL,
  -- When it times out unless a verdict comes first.
  times_out_ms bigint NOT NULL,
  is_settled boolean NOT NULL,
  -- False while the lease's owner has the task in memory; for a new owner all of these are due at once.
  is_parked boolean NOT NULL
);
CREATE INDEX live_tasks_parked ON live_tasks (due_ms) WHERE is_parked;
CREATE INDEX live_tasks_open ON live_tasks (times_out_ms) WHERE NOT is_settled;

-- When an account is next due: its next boundary or its earliest lapse. Too early does no harm, so it is only ever lowered by facts.
CREATE TABLE due_accounts (
  tenant text NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  due_ms bigint NOT NULL,
  PRIMARY KEY (tenant, account_id)
);
CREATE INDEX due_accounts_due ON due_accounts (due_ms);
