-- What the workers of fleets have said of their jobs, one row for each attempt. The log is the truth of a task; these rows are where what came in
-- over Kafka is kept until the orchestrator asks for it, as it asks any vendor. They hold no prompt and no token.
-- All instants are milliseconds of this database's own clock, so that processes with clocks of their own agree on who is silent.
CREATE TABLE fleet_jobs (
  job_id text COLLATE "C" PRIMARY KEY,
  -- The attempt's own id, over which its token is made.
  client_job_id text NOT NULL,
  tenant text NOT NULL,
  task_id text NOT NULL,
  attempt integer NOT NULL,
  heartbeat_every_ms integer NOT NULL,
  created_ms bigint NOT NULL,
  -- When Kafka acknowledged the job; null: it may or may not stand on the topic, or it was given back and is to be sent again.
  sent_ms bigint,
  releases integer NOT NULL DEFAULT 0,
  released_ms bigint,
  worker text,
  claimed_ms bigint,
  heard_ms bigint,
  -- When our own question on its partition of the results was read last: until then what the worker said may just not have been read.
  probed_ms bigint,
  percent integer,
  cancel_ms bigint,
  -- When its attempt was given up. Set and read under the row's lock together with the verdict, so that a verdict is either in time or late.
  lost_ms bigint,
  verdict_ms bigint,
  verdict jsonb
) WITH (fillfactor = 60);
-- Old jobs are pruned by age, and arrive in that order.
CREATE INDEX fleet_jobs_created ON fleet_jobs USING brin (created_ms);

-- Ids of messages that were taken in; heartbeats are left out, since the same one twice says nothing new.
CREATE TABLE fleet_messages (
  job_id text COLLATE "C" NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  taken_ms bigint NOT NULL,
  PRIMARY KEY (job_id, message_id)
);
CREATE INDEX fleet_messages_taken ON fleet_messages USING brin (taken_ms);
