-- Read models are versioned and rebuilt while the old version serves: this registry says which version each name means, how far every
-- version has got, and which fact stopped it. The read models' own tables are made by the projection engine from their folders.
CREATE TABLE projection_versions (
  name text NOT NULL,
  version integer NOT NULL,
  -- The version of the code that folds it: an engine of other code leaves it alone.
  code_version integer NOT NULL,
  state text NOT NULL CHECK (state IN ('building', 'active', 'retired')),
  -- Whether a version that was built becomes the active one by itself once it stands where the active one stands.
  switch_when_level boolean NOT NULL DEFAULT true,
  -- Everything in the log up to here has been applied.
  position text COLLATE "C" NOT NULL,
  advanced_at timestamptz NOT NULL DEFAULT now(),
  failed_position text COLLATE "C",
  failed_event_id text,
  failed_error text,
  failed_at timestamptz,
  PRIMARY KEY (name, version)
) WITH (fillfactor = 20);

CREATE UNIQUE INDEX projection_versions_active ON projection_versions (name) WHERE state = 'active';

-- Moves the checkpoints of versions that stand at one position. Raises, rather than answers, when this process no longer owns the lease or
-- a checkpoint has moved: the COMMIT is already on the wire behind it and must become a rollback.
CREATE FUNCTION projection_advance(
  in_names text[], in_versions integer[], in_from text, in_to text, in_lease text, in_token bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved integer;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM leases WHERE name = in_lease AND token = in_token) THEN
    RAISE EXCEPTION 'lease % is no longer ours', in_lease USING ERRCODE = 'RC001';
  END IF;
  UPDATE projection_versions AS p
     SET position = in_to, advanced_at = clock_timestamp(),
         failed_position = NULL, failed_event_id = NULL, failed_error = NULL, failed_at = NULL
    FROM unnest(in_names, in_versions) AS t(name, version)
   WHERE p.name = t.name AND p.version = t.version AND p.position = in_from COLLATE "C" AND p.state <> 'retired';
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(in_names) THEN
    RAISE EXCEPTION 'a checkpoint of % is not at %', in_names, in_from USING ERRCODE = 'RC002';
  END IF;
END $$;

-- Raises when a statement of a batch met fewer (or more) rows than the facts speak of: money is never skipped in silence.
CREATE FUNCTION projection_expect(in_relation text, in_expected bigint, in_actual bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF in_expected IS DISTINCT FROM in_actual THEN
    RAISE EXCEPTION '% rows of % were expected, % are there', in_expected, in_relation, in_actual USING ERRCODE = 'RC003';
  END IF;
END $$;
