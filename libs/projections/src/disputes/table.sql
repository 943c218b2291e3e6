-- One row a dispute. What became of its grants' credits stands with the grants.
CREATE TABLE dispute_vN (
  stream text COLLATE "C" NOT NULL,
  dispute_id text COLLATE "C" NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  -- A list of ids, in the order in which they came under it.
  grant_ids jsonb NOT NULL,
  reference text,
  reason text NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'won', 'lost')),
  -- What its loss made debt, repaid since or not.
  debt bigint NOT NULL CHECK (debt >= 0),
  opened_at timestamptz NOT NULL,
  opened_position text COLLATE "C" NOT NULL,
  closed_at timestamptz,
  position text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, dispute_id),
  CONSTRAINT dispute_is_closed CHECK ((status = 'open') = (closed_at IS NULL))
);

CREATE UNIQUE INDEX ON dispute_vN (tenant, opened_position);
CREATE INDEX ON dispute_vN (tenant, account_id, opened_position);
