-- Quotes are promises for fifteen minutes, not facts: they would only make the log longer. The row keeps the answer as it was given, so that
-- a keyed request is answered the same for good; that is why keyed rows stay and only the others are pruned, a day after they expired.
CREATE TABLE quotes (
  id text PRIMARY KEY,
  tenant text NOT NULL,
  account_id text NOT NULL,
  model text NOT NULL,
  parameters text NOT NULL,
  quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
  unit_credits bigint NOT NULL CHECK (unit_credits >= 0),
  price_version text NOT NULL,
  -- Milliseconds of the deployment's clock, which a test clock may have moved.
  created_at_ms bigint NOT NULL,
  expires_at_ms bigint NOT NULL,
  -- Of the keyed request that made it; null for a keyless one.
  request_hash text,
  view text NOT NULL
);
CREATE INDEX quotes_to_prune ON quotes (expires_at_ms) WHERE request_hash IS NULL;
