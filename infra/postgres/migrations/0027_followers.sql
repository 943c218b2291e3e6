-- Parts that follow the log, each led by whichever process holds its lease: how far each has seen it. Moved by compare-and-set in a transaction
-- that holds the lease's row, so that a process that was paused while another took the lease over moves nothing.
CREATE TABLE log_followers (
  name text PRIMARY KEY,
  position text COLLATE "C" NOT NULL,
  advanced_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);

-- Assets that are to be copied from where their maker keeps them for a while: one row for each fact that names some, put in with the checkpoint
-- that has seen it, taken out once the task's own stream says what became of them.
CREATE TABLE asset_copies (
  -- Of the fact.
  stream text COLLATE "C" NOT NULL,
  revision integer NOT NULL,
  tenant text NOT NULL,
  event_id text NOT NULL,
  correlation_id text NOT NULL,
  -- [{index, late, sourceUrl, mediaType, outcome}], outcome null until it is known.
  assets jsonb NOT NULL,
  tries integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  queued_at timestamptz NOT NULL DEFAULT now(),
  last_error text,
  PRIMARY KEY (stream, revision)
) WITH (fillfactor = 70);
CREATE INDEX asset_copies_due ON asset_copies (due_at);
