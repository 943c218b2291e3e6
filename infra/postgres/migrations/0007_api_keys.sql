-- Who may call the API. Keys are no facts: a key is shown once and kept as a hash, and its end must be noticed within seconds by every process.
-- Each change takes the next number of api_key_changes under its row lock, so a process that has read up to a number has missed nothing before it.
CREATE TABLE api_keys (
  id text PRIMARY KEY,
  tenant text NOT NULL,
  name text NOT NULL,
  -- SHA-256 of the key.
  hash bytea NOT NULL UNIQUE,
  scopes text[] NOT NULL,
  -- NULL: every account of the tenant.
  accounts text[],
  -- 'api': made through the API; 'environment': ADMIN_API_KEY; 'first_start': made because there was none.
  origin text NOT NULL CHECK (origin IN ('api', 'environment', 'first_start')),
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text,
  revoked_at timestamptz,
  change bigint NOT NULL
);
CREATE INDEX api_keys_by_change ON api_keys (change);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant, created_at, id) WHERE revoked_at IS NULL;
-- One configured administrator at a time, however many processes start at once.
CREATE UNIQUE INDEX api_keys_one_environment ON api_keys (origin) WHERE origin = 'environment' AND revoked_at IS NULL;

CREATE TABLE api_key_changes (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  change bigint NOT NULL DEFAULT 0
);
INSERT INTO api_key_changes DEFAULT VALUES;
