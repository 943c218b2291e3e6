-- The log: every fact of the deployment, in one order that readers can follow without skipping. Writers take the row of log_head first, so
-- positions are committed in their own order; the unique index on (stream, rev) is the guard of each stream's revision. Payloads are text (valid
-- JSON by construction): the database never looks into them on the way in, and people read them through the view below.
CREATE TABLE events (
  pos bigint PRIMARY KEY,
  -- Milliseconds since 1970, UTC; never decreases with pos.
  recorded_at_ms bigint NOT NULL,
  rev integer NOT NULL,
  schema_version smallint NOT NULL,
  -- The fact's number within its command, from 0: with the command's id it is the event's id.
  command_index smallint NOT NULL,
  stream text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  -- What all facts of a command share: [command id, tenant, actor, correlation id, causation id, request hash].
  meta text COLLATE "C" NOT NULL,
  data text COLLATE "C" NOT NULL,
  -- The fact's erasable texts, encrypted under their customer's key; outside the hashed leaf.
  sealed text COLLATE "C",
  -- SHA-256(tenant, 0, idempotency key), on the first fact of a keyed command: the record of idempotency, for good.
  key_digest bytea,
  UNIQUE (stream, rev)
);
CREATE UNIQUE INDEX events_key_digest ON events (key_digest) WHERE key_digest IS NOT NULL;
-- Facts only arrive at the end and are never changed: vacuum has little to do but to freeze, and the planner must not think the table small.
ALTER TABLE events SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- One row: the last position given out, and the instant it was recorded at. Its lock is the order of the log.
CREATE TABLE log_head (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  pos bigint NOT NULL,
  recorded_at_ms bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log_head (pos, recorded_at_ms) VALUES (0, 0);

-- Takes the order lock, gives out n positions after `base` and the instant of record. Each statement sees what was committed before it: what
-- is read after the lock is as of the lock.
CREATE FUNCTION log_advance(n integer, OUT base bigint, OUT recorded bigint) LANGUAGE plpgsql AS $$
BEGIN
  SELECT pos, recorded_at_ms INTO base, recorded FROM log_head FOR UPDATE;
  SELECT greatest(recorded, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + clock_offset_ms) INTO recorded FROM deployment;
  UPDATE log_head SET pos = base + n, recorded_at_ms = recorded;
  PERFORM pg_notify('rollcredits_log', (base + n)::text);
END $$;

-- Writes a group of commands, or raises unique_violation and writes nothing. A stream that goes on from a revision which the caller has
-- not seen with its own eyes is named in in_prior_…: its absence raises too.
CREATE FUNCTION append_group(
  in_streams text[], in_revs integer[], in_types text[], in_versions smallint[], in_indexes smallint[],
  in_metas text[], in_datas text[], in_sealed text[], in_digests bytea[],
  in_prior_streams text[], in_prior_revs integer[],
  OUT base bigint, OUT recorded bigint
) LANGUAGE plpgsql AS $$
BEGIN
  SELECT a.base, a.recorded INTO base, recorded FROM log_advance(cardinality(in_streams)) AS a;
  IF cardinality(in_prior_streams) > 0 AND EXISTS (
    SELECT FROM unnest(in_prior_streams, in_prior_revs) AS p (stream, rev)
     WHERE NOT EXISTS (SELECT FROM events AS e WHERE e.stream = p.stream AND e.rev = p.rev)
  ) THEN
    RAISE unique_violation USING MESSAGE = 'a stream does not reach the revision expected of it';
  END IF;
  INSERT INTO events (pos, recorded_at_ms, rev, schema_version, command_index, stream, type, meta, data, sealed, key_digest)
  SELECT base + r.o, recorded, r.rev, r.version, r.index, r.stream, r.type, r.meta, r.data, r.sealed, r.digest
    FROM unnest(in_streams, in_revs, in_types, in_versions, in_indexes, in_metas, in_datas, in_sealed, in_digests)
      WITH ORDINALITY AS r (stream, rev, type, version, index, meta, data, sealed, digest, o);
END $$;

-- The same for a group in which some commands may be stale: those are left out whole, with whatever follows them on one of their streams,
-- and are named in `refusals`, a JSON list of {command, stream, meta}: stream null for a key that stands already, meta that of the fact that stands
-- in the way. in_commands numbers the command of each row; in_prior_… are all streams that go on from a revision outside of the group.
CREATE FUNCTION append_checked(
  in_streams text[], in_revs integer[], in_types text[], in_versions smallint[], in_indexes smallint[],
  in_metas text[], in_datas text[], in_sealed text[], in_digests bytea[],
  in_prior_streams text[], in_prior_revs integer[],
  in_commands integer[], in_prior_commands integer[],
  OUT base bigint, OUT recorded bigint, OUT refusals text
) LANGUAGE plpgsql AS $$
DECLARE
  refused integer[];
  fresh integer[];
  listed jsonb;
  more jsonb;
BEGIN
  SELECT a.base, a.recorded INTO base, recorded FROM log_advance(cardinality(in_streams)) AS a;

  SELECT coalesce(array_agg(d.command), '{}'), coalesce(jsonb_agg(jsonb_build_object('command', d.command, 'stream', d.stream, 'meta', d.meta)), '[]')
    INTO refused, listed
    FROM (
      SELECT DISTINCT ON (f.command) f.command, f.stream, f.meta
        FROM (
          SELECT r.command, NULL AS stream, e.meta, 1 AS rank
            FROM unnest(in_commands, in_digests) AS r (command, digest)
            JOIN events AS e ON e.key_digest = r.digest
           WHERE r.digest IS NOT NULL
          UNION ALL
          SELECT r.command, NULL, NULL, 1
            FROM (SELECT u.command, row_number() OVER (PARTITION BY u.digest ORDER BY u.command) AS n
                    FROM unnest(in_commands, in_digests) AS u (command, digest) WHERE u.digest IS NOT NULL) AS r
           WHERE r.n > 1
          UNION ALL
          SELECT r.command, r.stream, e.meta, 2
            FROM unnest(in_commands, in_streams, in_revs) AS r (command, stream, rev)
            JOIN events AS e ON e.stream = r.stream COLLATE "C" AND e.rev = r.rev
          UNION ALL
          SELECT p.command, p.stream, NULL, 3
            FROM unnest(in_prior_commands, in_prior_streams, in_prior_revs) AS p (command, stream, rev)
           WHERE NOT EXISTS (SELECT FROM events AS e WHERE e.stream = p.stream COLLATE "C" AND e.rev = p.rev)
        ) AS f
       ORDER BY f.command, f.rank
    ) AS d;

  fresh := refused;
  WHILE cardinality(fresh) > 0 LOOP
    SELECT coalesce(array_agg(d.command), '{}'), coalesce(jsonb_agg(jsonb_build_object('command', d.command, 'stream', d.stream, 'meta', NULL)), '[]')
      INTO fresh, more
      FROM (
        SELECT DISTINCT ON (r.command) r.command, r.stream
          FROM unnest(in_commands, in_streams) AS r (command, stream)
          JOIN unnest(in_commands, in_streams) AS b (command, stream) ON b.stream = r.stream
         WHERE b.command = ANY (fresh) AND r.command > b.command AND NOT r.command = ANY (refused)
         ORDER BY r.command
      ) AS d;
    refused := refused || fresh;
    listed := listed || more;
  END LOOP;
  refusals := listed::text;

  INSERT INTO events (pos, recorded_at_ms, rev, schema_version, command_index, stream, type, meta, data, sealed, key_digest)
  SELECT base + r.o, recorded, r.rev, r.version, r.index, r.stream, r.type, r.meta, r.data, r.sealed, r.digest
    FROM unnest(in_streams, in_revs, in_types, in_versions, in_indexes, in_metas, in_datas, in_sealed, in_digests, in_commands)
      WITH ORDINALITY AS r (stream, rev, type, version, index, meta, data, sealed, digest, command, o)
   WHERE NOT r.command = ANY (refused);
END $$;

-- The log as people read it.
CREATE VIEW events_readable AS
SELECT lpad(pos::text, 16, '0') AS position,
       stream,
       rev AS revision,
       type,
       schema_version,
       to_timestamp(recorded_at_ms / 1000.0) AS recorded_at,
       'evt_' || (meta::jsonb ->> 0) || lpad(to_hex(command_index::integer), 4, '0') AS id,
       meta::jsonb ->> 1 AS tenant,
       meta::jsonb ->> 2 AS actor,
       meta::jsonb ->> 3 AS correlation_id,
       meta::jsonb ->> 4 AS causation_id,
       meta::jsonb ->> 5 AS request_hash,
       data::jsonb AS data,
       sealed IS NOT NULL AS is_sealed
  FROM events;

-- States of streams as of a revision: they change what a load costs, never what it means, and may be deleted at any time.
CREATE TABLE snapshots (
  stream text COLLATE "C" NOT NULL,
  -- Of the code that wrote it: a state of another version is not read.
  version integer NOT NULL,
  revision integer NOT NULL,
  pos bigint NOT NULL,
  recorded_at_ms bigint NOT NULL,
  state text COLLATE "C" NOT NULL,
  PRIMARY KEY (stream, version, revision)
);

-- One key per customer, under which their texts in the log are encrypted. Forgetting a customer blanks the key and keeps the row, so that they
-- are never given another one. The account id is empty for what belongs to a tenant but to no account.
CREATE TABLE customer_keys (
  tenant text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  key bytea CHECK (octet_length(key) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  erased_at timestamptz,
  PRIMARY KEY (tenant, account_id),
  CHECK ((key IS NULL) = (erased_at IS NOT NULL))
);
