-- One row an adjustment, whether it was applied at once or had to be approved.
CREATE TABLE adjustment_vN (
  tenant text COLLATE "C" NOT NULL,
  adjustment_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  bucket text NOT NULL,
  credits bigint NOT NULL CHECK (credits <> 0),
  reason text NOT NULL,
  ticket text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending_approval', 'applied', 'rejected')),
  requested_by text NOT NULL,
  approved_by text,
  grant_id text,
  created_at timestamptz NOT NULL,
  created_position text COLLATE "C" NOT NULL,
  position text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, adjustment_id)
);

CREATE UNIQUE INDEX ON adjustment_vN (tenant, created_position);
CREATE INDEX ON adjustment_vN (tenant, account_id, created_position);
CREATE INDEX ON adjustment_vN (tenant, created_position) WHERE status = 'pending_approval';
