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
  tenant text NOT NULL,
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

-- One round at a provider that bounds its jobs, under the row lock of its limit: places that were left are given up, tasks get in line with their
-- turns, and the next in line, whoever's they are, get the places that are free. Whatever a partition asks for counts only under its lease's token.
-- Answers the virtual time that the turns were made from, and which of `awaited` have their place by now.
CREATE FUNCTION take_provider_places(
  at_provider text, jobs_max integer,
  hold_partitions smallint[], hold_leases text[], hold_tokens bigint[],
  left_tasks text[],
  -- Jobs that run already, whether there is a place or not: those of an owner that is gone.
  running_tasks text[], running_tenants text[], running_partitions smallint[],
  wanted_tasks text[], wanted_tenants text[], wanted_partitions smallint[], wanted_after double precision[], wanted_steps double precision[],
  awaited text[],
  OUT since double precision, OUT given text[]
) LANGUAGE plpgsql AS $$
DECLARE
  held smallint[];
  free integer;
BEGIN
  INSERT INTO provider_limits (provider) VALUES (at_provider) ON CONFLICT DO NOTHING;
  SELECT virtual_time INTO since FROM provider_limits WHERE provider = at_provider FOR UPDATE;
  held := ARRAY(
    SELECT h.partition FROM leases l JOIN unnest(hold_partitions, hold_leases, hold_tokens) AS h (partition, name, token)
        ON l.name = h.name AND l.token = h.token ORDER BY l.name FOR SHARE OF l);
  DELETE FROM provider_jobs WHERE task_id = ANY (left_tasks) AND provider = at_provider AND partition = ANY (held);
  INSERT INTO provider_jobs (task_id, tenant, provider, partition, turn, is_running)
  SELECT j.task, j.tenant, at_provider, j.partition, since, true
    FROM unnest(running_tasks, running_tenants, running_partitions) AS j (task, tenant, partition) WHERE j.partition = ANY (held)
      ON CONFLICT (task_id) DO UPDATE SET is_running = true;
  INSERT INTO provider_jobs (task_id, tenant, provider, partition, turn, is_running)
  SELECT w.task, w.tenant, at_provider, w.partition, greatest(since, w.after) + w.step, false
    FROM unnest(wanted_tasks, wanted_tenants, wanted_partitions, wanted_after, wanted_steps) AS w (task, tenant, partition, after, step)
   WHERE w.partition = ANY (held)
      ON CONFLICT (task_id) DO NOTHING;
  SELECT jobs_max - count(*) INTO free FROM provider_jobs WHERE provider = at_provider AND is_running;
  IF free > 0 THEN
    WITH best AS (
      SELECT task_id FROM provider_jobs WHERE provider = at_provider AND NOT is_running ORDER BY turn, task_id LIMIT free
    ), placed AS (
      UPDATE provider_jobs SET is_running = true FROM best WHERE provider_jobs.task_id = best.task_id RETURNING turn
    )
    UPDATE provider_limits SET virtual_time = greatest(virtual_time, (SELECT max(turn) FROM placed)) WHERE provider = at_provider;
  END IF;
  given := ARRAY(SELECT task_id FROM provider_jobs WHERE is_running AND task_id = ANY (awaited));
END $$;
