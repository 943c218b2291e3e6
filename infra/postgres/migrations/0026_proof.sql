-- The transparency log over all facts (RFC 9162): the tree's hashes in tiles of 256, as C2SP tlog-tiles keeps them, and the heads that were signed.
-- All of it is made from the log and can be made anew; only the signed heads say what the log was when.
CREATE TABLE proof_tiles (
  -- Hashes of complete subtrees of 256^level leaves.
  level smallint NOT NULL,
  index bigint NOT NULL,
  -- 32 bytes each; a tile at the right edge has fewer than 256 of them.
  hashes bytea NOT NULL,
  -- Of the leaves, on level 0.
  positions text[] COLLATE "C" NOT NULL,
  PRIMARY KEY (level, index)
);
-- Random bytes do not compress.
ALTER TABLE proof_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
CREATE INDEX proof_tiles_by_position ON proof_tiles ((positions[1])) WHERE level = 0;

-- One row: how many facts are leaves, and up to where in the log that is.
CREATE TABLE proof_log (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  size bigint NOT NULL,
  position text COLLATE "C" NOT NULL,
  -- Of the last leaf; empty before the first.
  last_position text COLLATE "C" NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO proof_log (size, position, last_position) VALUES (0, '0000000000000000', '');

CREATE TABLE proof_heads (
  tree_size bigint PRIMARY KEY,
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  -- Of the last leaf.
  position text COLLATE "C" NOT NULL,
  -- As it stands in the note.
  time text NOT NULL,
  -- The signed note.
  checkpoint text NOT NULL
);

-- Under which name and key the heads of this deployment are signed: a process with another key is told so, instead of signing a second history.
CREATE TABLE proof_key (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  origin text NOT NULL,
  public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
  since timestamptz NOT NULL DEFAULT now()
);
