-- The database of one deployment. Facts of the platform that belong to no context stand in these tables.
-- One row: the offset of the test clock (0 is real time; it only grows) and when it was last moved, if ever.
CREATE TABLE deployment (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  deployment_id uuid NOT NULL DEFAULT gen_random_uuid(),
  clock_offset_ms bigint NOT NULL DEFAULT 0,
  clock_moved_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO deployment DEFAULT VALUES;

-- Who may do what only one process may do: a token grows with every change of owner, and fences the old one out.
CREATE TABLE leases (
  name text PRIMARY KEY,
  owner text NOT NULL,
  token bigint NOT NULL,
  expires_at timestamptz NOT NULL
);
