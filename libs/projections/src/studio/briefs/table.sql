-- Briefs, prompts with their versions, benchmarks: what clips are made for, and what their cost is held against.
CREATE TABLE brief_vN (
  tenant text COLLATE "C" NOT NULL,
  brief_id text COLLATE "C" NOT NULL,
  -- Null: any account's tasks may be of it.
  account_id text COLLATE "C",
  state text COLLATE "C" NOT NULL CHECK (state IN ('draft_brief', 'prompt_ready')),
  campaign text COLLATE "C",
  channel text COLLATE "C" NOT NULL,
  format text COLLATE "C" NOT NULL,
  risk_level text NOT NULL CHECK (risk_level IN ('low', 'high')),
  created_position text COLLATE "C" NOT NULL,
  -- Of its content.
  revision integer NOT NULL,
  position text COLLATE "C" NOT NULL,
  attempts_used integer NOT NULL CHECK (attempts_used >= 0),
  -- What BriefCreated says, and what the latest BriefReadied says, as JSON.
  created text NOT NULL,
  readied text,
  -- Goal and lists; the variables. Encrypted under the account's key, or the tenant's own.
  sealed text,
  sealed_variables text,
  PRIMARY KEY (tenant, brief_id)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX ON brief_vN (tenant, created_position);

CREATE TABLE prompt_vN (
  tenant text COLLATE "C" NOT NULL,
  prompt_id text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  created_position text COLLATE "C" NOT NULL,
  position text COLLATE "C" NOT NULL,
  -- Label → version, as JSON with sorted members.
  labels text NOT NULL,
  sealed text,
  PRIMARY KEY (tenant, prompt_id)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX ON prompt_vN (tenant, created_position);

CREATE TABLE prompt_version_vN (
  tenant text COLLATE "C" NOT NULL,
  prompt_id text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  -- Names, as JSON.
  variables text NOT NULL,
  sealed text,
  PRIMARY KEY (tenant, prompt_id, version)
);

CREATE TABLE benchmark_vN (
  tenant text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL,
  -- Exact decimal string.
  usable_rate text NOT NULL,
  updated_at timestamptz NOT NULL,
  position text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, name)
) WITH (fillfactor = 80);
