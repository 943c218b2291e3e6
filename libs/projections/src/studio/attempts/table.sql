-- Attempts: one row a generation, under the name of its clip's stream (whether or not the clip has been made), and the cells that they add up to.
-- `document` is the folded attempt as JSON; the columns are what lists and reports look for.
CREATE TABLE attempt_vN (
  stream text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  clip_id text COLLATE "C" NOT NULL,
  -- '' for an imported attempt, which is of no account.
  account_id text COLLATE "C" NOT NULL,
  brief_id text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  -- `<prompt id>@v<n>`, '' without one.
  prompt_version text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  -- '' while under way, and for ever where nothing was ever generated: such an attempt counts nowhere.
  state text COLLATE "C" NOT NULL,
  -- Sorted, joined by commas.
  reasons text COLLATE "C" NOT NULL,
  review_minutes numeric NOT NULL,
  brand_review_minutes numeric NOT NULL,
  editing_minutes numeric NOT NULL,
  credits_used numeric NOT NULL,
  unpriced_credits numeric NOT NULL,
  -- Currency → minor units, as JSON; null where there are none.
  ledger_cost text,
  provider_cost text,
  -- Null until there is a clip.
  clip_created_at timestamptz,
  -- Since when it waits for a human.
  waiting_since timestamptz,
  position text COLLATE "C" NOT NULL,
  document text NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX ON attempt_vN (tenant, created_at, clip_id);
CREATE INDEX ON attempt_vN (tenant, clip_created_at, clip_id) WHERE clip_created_at IS NOT NULL;
CREATE INDEX ON attempt_vN (tenant, brief_id, clip_created_at, clip_id) WHERE clip_created_at IS NOT NULL;
CREATE INDEX ON attempt_vN (tenant, account_id, clip_created_at, clip_id) WHERE clip_created_at IS NOT NULL AND account_id <> '';
CREATE INDEX ON attempt_vN (tenant, state, clip_created_at, clip_id) WHERE clip_created_at IS NOT NULL;
CREATE INDEX ON attempt_vN (tenant, waiting_since, clip_id) WHERE waiting_since IS NOT NULL;

-- What the attempts of a slice add up to. grain: 'd' has them by account, brief, model, prompt version and UTC day of their creation; the others
-- are by week (from its Monday on), of all accounts, with '' for what they do not tell apart: 'w' nothing else, 'b' the brief, 'm' the model,
-- 'p' the prompt version, 'j' all three. A cell without attempts is not there.
CREATE TABLE attempt_cell_vN (
  tenant text COLLATE "C" NOT NULL,
  grain text COLLATE "C" NOT NULL CHECK (grain IN ('d', 'w', 'b', 'm', 'p', 'j')),
  brief_id text COLLATE "C" NOT NULL,
  starts_on date NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  prompt_version text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  reasons text COLLATE "C" NOT NULL,
  generations bigint NOT NULL,
  review_minutes numeric NOT NULL,
  brand_review_minutes numeric NOT NULL,
  editing_minutes numeric NOT NULL,
  credits_used numeric NOT NULL,
  unpriced_credits numeric NOT NULL,
  PRIMARY KEY (tenant, grain, brief_id, starts_on, account_id, model, prompt_version, state, reasons)
) WITH (fillfactor = 80);
CREATE INDEX ON attempt_cell_vN (tenant, grain, starts_on);

-- What they cost, by currency: through the ledger's cost basis, and by the provider's account. `attempts` are those that have such a cost, 0 included.
CREATE TABLE attempt_cell_money_vN (
  tenant text COLLATE "C" NOT NULL,
  grain text COLLATE "C" NOT NULL,
  brief_id text COLLATE "C" NOT NULL,
  starts_on date NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  prompt_version text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  reasons text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL CHECK (source IN ('ledger', 'provider')),
  currency text COLLATE "C" NOT NULL,
  attempts bigint NOT NULL,
  amount numeric NOT NULL,
  PRIMARY KEY (tenant, grain, brief_id, starts_on, account_id, model, prompt_version, state, reasons, source, currency)
) WITH (fillfactor = 80);
CREATE INDEX ON attempt_cell_money_vN (tenant, grain, starts_on);
