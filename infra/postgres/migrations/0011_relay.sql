-- How far the log has been published to Kafka: one row, moved only after the brokers acknowledged everything up to it. A process that was
-- paused while another took the lease over moves nothing: the statement asks for the lease's token and for the position it started from.
CREATE TABLE relay (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  position text COLLATE "C" NOT NULL,
  advanced_at timestamptz NOT NULL DEFAULT now(),
  -- The fact that Kafka will not take: the relay stands before it and tries again, because a gap would never be noticed.
  failed_position text COLLATE "C",
  failed_error text,
  failed_at timestamptz,
  -- An operator's word that this one fact may be left out.
  skip_position text COLLATE "C"
) WITH (fillfactor = 20);
INSERT INTO relay (position) VALUES ('0000000000000000');
