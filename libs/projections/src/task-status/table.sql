-- One row a task, keyed by the task's stream name. `document` is the folded task as JSON; the columns are what lists filter and sort by, and
-- what the ledger's facts say of the task. A row of which only the reservation is known yet has no created_at and is shown nowhere.
CREATE TABLE task_vN (
  stream text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  task_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C",
  model text COLLATE "C",
  status text COLLATE "C" NOT NULL,
  -- `open` while pending or processing, then the status: of all that is indexed, only this changes, and only once.
  stage text COLLATE "C" NOT NULL,
  is_rejected boolean NOT NULL,
  created_at timestamptz,
  created_position text COLLATE "C",
  revision integer NOT NULL,
  -- Of the latest fact of the task or of its reservation.
  position text COLLATE "C" NOT NULL,
  document text NOT NULL,
  -- Prompt, its variables and metadata, encrypted under the account's key.
  sealed text,
  held bigint NOT NULL CHECK (held >= 0),
  -- Net of goodwill; goodwill counts as refunded.
  consumed bigint NOT NULL CHECK (consumed >= 0),
  refunded bigint NOT NULL CHECK (refunded >= 0),
  reservations integer NOT NULL CHECK (reservations >= 0),
  open_reservations integer NOT NULL CHECK (open_reservations >= 0),
  -- Positions of the account's facts that name the task, joined by commas: what a receipt is made of.
  ledger_positions text NOT NULL
) WITH (fillfactor = 60);

-- Lists are newest first; those of one millisecond are few, and sorted by position at read. Rejected submissions are listed only when asked
-- for, so the other lists do not wade through them.
CREATE INDEX ON task_vN (tenant, created_at) WHERE NOT is_rejected;
CREATE INDEX ON task_vN (tenant, account_id, created_at) WHERE NOT is_rejected;
CREATE INDEX ON task_vN (tenant, user_id, created_at) WHERE NOT is_rejected AND user_id IS NOT NULL;
CREATE INDEX ON task_vN (tenant, model, created_at) WHERE NOT is_rejected;
CREATE INDEX ON task_vN (tenant, stage, created_at);
CREATE INDEX ON task_vN (tenant, account_id, stage, created_at);

CREATE TABLE task_total_vN (
  status text COLLATE "C" PRIMARY KEY,
  tasks bigint NOT NULL CHECK (tasks >= 0)
) WITH (fillfactor = 10);
INSERT INTO task_total_vN (status, tasks)
VALUES ('pending', 0), ('processing', 0), ('completed', 0), ('failed', 0), ('timed_out', 0), ('cancelled', 0), ('rejected', 0);
