-- The simulator provider's own jobs. It is a vendor that happens to live in our database: nothing else reads or writes this table, and a
-- job's status is computed from its row and the time, so no runner has to survive a crash.
CREATE TABLE simulator_jobs (
  client_job_id text PRIMARY KEY,
  outcome text NOT NULL CHECK (outcome IN ('succeed', 'fail', 'hang', 'lost_submit', 'late')),
  -- Real time: the simulator's delays do not follow the test clock.
  created_ms bigint NOT NULL,
  due_ms bigint NOT NULL,
  -- Deployment time: a late job answers only once the task's deadline has passed.
  deadline_ms bigint NOT NULL,
  cancelled_ms bigint,
  output_type text NOT NULL,
  duration_seconds text,
  delivered_fraction text NOT NULL,
  cost_currency text,
  cost_minor bigint
);
-- Old jobs are pruned by age; rows arrive in that order, so a block range index is enough and costs nothing on insert.
CREATE INDEX simulator_jobs_created ON simulator_jobs USING brin (created_ms);
