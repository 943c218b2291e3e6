-- One row a task, decision or movement of one user; only tasks that name a user have any.
CREATE TABLE user_timeline_vN (
  tenant text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  position text COLLATE "C" NOT NULL,
  -- Tells the rows of one fact apart, in the order in which they are to be read.
  ordinal integer NOT NULL,
  at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN ('task', 'decision', 'movement')),
  account_id text COLLATE "C" NOT NULL,
  task_id text COLLATE "C" NOT NULL,
  type text NOT NULL,
  summary text NOT NULL,
  credits bigint NOT NULL,
  event_id text NOT NULL,
  PRIMARY KEY (tenant, user_id, position, ordinal)
);

-- Whose a task is: an account's facts name the task alone.
CREATE TABLE user_task_vN (
  tenant text COLLATE "C" NOT NULL,
  task_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, task_id)
);

-- A reservation stands in the log before the task that says whose it is; where a batch ends between the two, its rows wait here.
CREATE TABLE user_waiting_vN (
  tenant text COLLATE "C" NOT NULL,
  task_id text COLLATE "C" NOT NULL,
  entries text NOT NULL,
  PRIMARY KEY (tenant, task_id)
);
