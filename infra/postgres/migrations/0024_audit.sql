-- Who read or changed what through the API: one row a request, written in batches a moment after its answer. No fact: it tells of refusals and
-- reads too, and is deleted after AUDIT_RETENTION_DAYS.
CREATE TABLE audit_entries (
  tenant text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  -- Follows from the request's id, so that a batch that is written twice stands there once.
  id text COLLATE "C" NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  key_name text NOT NULL,
  action text COLLATE "C" NOT NULL,
  method text NOT NULL,
  path text NOT NULL,
  target text,
  status smallint NOT NULL,
  request_id text NOT NULL,
  position text,
  PRIMARY KEY (tenant, at, id)
);
CREATE INDEX audit_entries_by_actor ON audit_entries (tenant, key_id, at, id);
CREATE INDEX audit_entries_by_action ON audit_entries (tenant, action, at, id);
-- Rows come in the order of time, so that the oldest are found by few blocks.
CREATE INDEX audit_entries_by_time ON audit_entries USING brin (at) WITH (pages_per_range = 32);
