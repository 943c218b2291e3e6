-- Reactions are spread over processes: an account and its tasks belong to one partition, each partition has a lease and a checkpoint of its own,
-- and rows and checkpoint of a partition still change together. The number of partitions and the hash are those of libs/reactions/src/partitions.ts.
-- A process of the release before loses its lease and its checkpoint here, in this transaction, and so can write nothing after it; what it
-- had in memory is due at once for the partitions' owners.
CREATE TABLE orchestrator_partitions (
  partition smallint PRIMARY KEY,
  position text COLLATE "C" NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO orchestrator_partitions (partition, position)
SELECT partition, position FROM generate_series(0, 15) AS partition, orchestrator_checkpoint;
DROP TABLE orchestrator_checkpoint;
DELETE FROM leases WHERE name = 'orchestrator';

ALTER TABLE live_tasks ADD COLUMN partition smallint;
UPDATE live_tasks SET partition = get_byte(sha256(convert_to(tenant || '.' || account_id, 'UTF8')), 0) % 16;
ALTER TABLE live_tasks ALTER COLUMN partition SET NOT NULL;
-- For a new owner: what its predecessor had in memory.
CREATE INDEX live_tasks_in_memory ON live_tasks (partition) WHERE NOT is_parked;

ALTER TABLE due_accounts ADD COLUMN partition smallint;
UPDATE due_accounts SET partition = get_byte(sha256(convert_to(tenant || '.' || account_id, 'UTF8')), 0) % 16;
ALTER TABLE due_accounts ALTER COLUMN partition SET NOT NULL;

-- The jobs that run at a provider which bounds them (capabilities.jobsMax), and those that wait for such a place with their turn: one row for each,
-- so that a place outlives the process that took it, until the vendor's verdict.
CREATE TABLE provider_limits (
  provider text COLLATE "C" PRIMARY KEY,
  -- Of the place given last: where a queue that was empty gets in line. Never decreases.
  virtual_time double precision NOT NULL DEFAULT 0
);
CREATE TABLE provider_jobs (
  task_id text COLLATE "C" PRIMARY KEY,
  provider text COLLATE "C" NOT NULL,
  partition smallint NOT NULL,
  -- The account's turn among all that wait; the least is next.
  turn double precision NOT NULL,
  -- False while it waits for its place.
  is_running boolean NOT NULL
);
CREATE INDEX provider_jobs_turns ON provider_jobs (provider, turn, task_id) WHERE NOT is_running;
CREATE INDEX provider_jobs_running ON provider_jobs (provider) WHERE is_running;
CREATE INDEX provider_jobs_by_partition ON provider_jobs (partition);
