-- Times are epoch milliseconds. `doc` is the JSON of the domain object. The other columns are copies of the fields that
-- queries need.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- The oldest schema whose binary can still work with this file.
INSERT INTO meta VALUES ('readable_from', '1');

CREATE TABLE inbox (
  account TEXT NOT NULL,
  msgid TEXT NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (account, msgid)
) WITHOUT ROWID;
CREATE INDEX inbox_at ON inbox (at);

CREATE TABLE turn (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  stream_id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  sender TEXT NOT NULL,
  state TEXT NOT NULL,
  unclaimed INTEGER NOT NULL,
  unsaid INTEGER NOT NULL,
  received_at REAL NOT NULL,
  ended_at REAL,
  due_at REAL,
  erased INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX turn_due ON turn (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX turn_unsaid ON turn (account, sender) WHERE unsaid = 1;
CREATE INDEX turn_finished ON turn (erased, ended_at) WHERE due_at IS NULL AND ended_at IS NOT NULL;

-- Rows are stored next to the other rows of their turn, in the order of the turns: an index over random ids would cost a
-- page per message. Deliveries without a turn have turn_seq 0.
CREATE TABLE delivery (
  turn_seq INTEGER NOT NULL,
  id TEXT NOT NULL,
  turn TEXT,
  account TEXT NOT NULL,
  route TEXT NOT NULL,
  state TEXT NOT NULL,
  dead INTEGER NOT NULL,
  done INTEGER NOT NULL,
  lane TEXT NOT NULL,
  position INTEGER NOT NULL,
  -- 1 for the first unfinished row of a lane. Only these can be claimed, so a claim doesn't read the rest of the lane.
  head INTEGER NOT NULL,
  due_at REAL NOT NULL,
  leased_until REAL,
  created_at REAL NOT NULL,
  finished_at REAL,
  erased INTEGER NOT NULL DEFAULT 0,
  doc TEXT NOT NULL,
  PRIMARY KEY (turn_seq, id)
) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (route, head, due_at) WHERE done = 0;
CREATE INDEX delivery_dead ON delivery (created_at) WHERE dead = 1;
CREATE INDEX delivery_held ON delivery (account) WHERE state = 'held';
CREATE INDEX delivery_finished ON delivery (erased, finished_at) WHERE turn_seq = 0 AND done = 1;

-- Messages sent to WeCom during the last hour, one row per member: for rate limits and duplicates.
CREATE TABLE sent (
  -- An account, or a robot.
  scope TEXT NOT NULL,
  -- Empty if the message has no counted members.
  member TEXT NOT NULL,
  at REAL NOT NULL,
  digest TEXT NOT NULL,
  delivery TEXT NOT NULL,
  part INTEGER NOT NULL,
  PRIMARY KEY (scope, member, at, delivery, part)
) WITHOUT ROWID;
CREATE INDEX sent_digest ON sent (digest, at);

CREATE TABLE token (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE memo (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
