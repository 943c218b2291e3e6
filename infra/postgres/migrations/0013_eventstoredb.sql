-- The log may stand in an EventStoreDB: then positions are no numbers, and this database, which keeps read models, checkpoints and snapshots
-- of one log, remembers of which.
ALTER TABLE deployment ADD COLUMN event_log text COLLATE "C";
COMMENT ON COLUMN deployment.event_log IS 'What names the log that this database belongs to; null until the first start that says so.';

DELETE FROM snapshots;
ALTER TABLE snapshots ALTER COLUMN pos TYPE text COLLATE "C" USING lpad(pos::text, 16, '0');

-- How far every hold is known to have its task. Only where the two are not written as one is there anything to watch.
CREATE TABLE interruption_checkpoint (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  position text COLLATE "C" NOT NULL
);
INSERT INTO interruption_checkpoint (position) VALUES ('0000000000000000');
