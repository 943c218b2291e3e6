-- One row a signed change of one grant. recorded_at never decreases with the position, so it leads the key: the log's order, and a range of
-- time is a range of the index.
CREATE TABLE movement_vN (
  stream text COLLATE "C" NOT NULL,
  recorded_at timestamptz NOT NULL,
  position text COLLATE "C" NOT NULL,
  -- Tells the movements of one fact apart, in the order in which they happened.
  ordinal integer NOT NULL,
  effective_at timestamptz NOT NULL,
  type text NOT NULL,
  bucket text NOT NULL,
  grant_id text COLLATE "C" NOT NULL,
  credits bigint NOT NULL,
  consumed bigint NOT NULL CHECK (consumed >= 0),
  available_before bigint NOT NULL CHECK (available_before >= 0),
  available_after bigint NOT NULL CHECK (available_after >= 0),
  -- By which the bucket's held credits changed.
  held bigint NOT NULL,
  task_id text COLLATE "C",
  reason text,
  actor text NOT NULL,
  event_id text NOT NULL,
  causation_id text,
  correlation_id text NOT NULL,
  PRIMARY KEY (stream, recorded_at, position, ordinal),
  CONSTRAINT movement_adds_up CHECK (available_before + credits = available_after)
);

CREATE INDEX ON movement_vN (task_id, stream) WHERE task_id IS NOT NULL;

-- Few movements take effect at another instant than they are recorded at: a range of effective time is a range of the key and of this index.
CREATE INDEX ON movement_vN (stream, effective_at) WHERE effective_at <> recorded_at;

-- What an account's movements add up to, by day of when they take effect: a statement grows with the days it is about, not with the facts.
CREATE TABLE movement_total_vN (
  stream text COLLATE "C" NOT NULL,
  starts_on date NOT NULL,
  type text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  credits bigint NOT NULL,
  consumed bigint NOT NULL,
  -- By which held credits changed.
  held bigint NOT NULL,
  PRIMARY KEY (stream, starts_on, type, bucket)
) WITH (fillfactor = 80);

-- How far each tenant's books are closed, as of the checkpoint.
CREATE TABLE movement_closed_vN (
  tenant text COLLATE "C" PRIMARY KEY,
  through timestamptz NOT NULL,
  closed_at timestamptz NOT NULL
);
