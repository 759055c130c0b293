-- The question moves from a delivery of its own into the row of its turn, jobs are told from deliveries, and a stream id
-- names the row of its turn, so that no index over stream ids is kept.
UPDATE meta SET value = '2' WHERE key = 'readable_from';

DROP INDEX turn_due;
DROP INDEX turn_unsaid;
DROP INDEX turn_finished;
ALTER TABLE turn RENAME TO turn_1;
CREATE TABLE turn (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  sender TEXT NOT NULL,
  received_at REAL NOT NULL,
  state TEXT NOT NULL,
  unclaimed INTEGER NOT NULL,
  unsaid INTEGER NOT NULL,
  ended_at REAL,
  due_at REAL,
  -- When the pending task may be claimed. Null: no task.
  task_at REAL,
  -- 1 for the first pending task of a conversation.
  head INTEGER NOT NULL,
  leased_until REAL,
  erased INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL,
  doc TEXT NOT NULL
);

INSERT INTO turn (seq, id, account, sender, received_at, state, unclaimed, unsaid, ended_at, due_at, task_at,
  head, leased_until, erased, version, doc)
SELECT t.seq, t.id, t.account, t.sender, t.received_at, t.state, t.unclaimed, t.unsaid, t.ended_at, t.due_at,
  q.due_at, coalesce(q.head, 0), q.leased_until, t.erased, t.version, t.doc
FROM turn_1 t LEFT JOIN delivery q ON q.turn_seq = t.seq AND q.id = t.id || ':gateway' AND q.done = 0;
-- Ids of streams that were opened under schema 1: cards and bubbles of theirs are still out there.
CREATE TABLE stream_1 (stream_id TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO stream_1 SELECT stream_id, seq FROM turn_1;
DROP TABLE turn_1;

-- The pending task, from the question's delivery.
UPDATE turn SET doc = json_set(doc, '$.pending', json_object(
  'state', CASE (SELECT state FROM delivery q WHERE q.turn_seq = turn.seq AND q.id = turn.id || ':gateway')
    WHEN 'sending' THEN 'claimed' ELSE 'queued' END,
  'dueAt', task_at))
WHERE task_at IS NOT NULL;

-- In schema 1 an empty question meant a command, and its name was in `command`.
UPDATE turn SET doc = json_set(doc,
  '$.thoughts', coalesce(json_extract(doc, '$.thoughts'), 'fold'),
  '$.task', CASE
    WHEN json_extract(doc, '$.command') IN ('new', 'reset') THEN 'reset'
    WHEN json_extract(doc, '$.command') IN ('approve', 'deny') THEN 'approve'
    WHEN json_extract(doc, '$.command') IS NOT NULL THEN 'pass'
    ELSE 'ask' END);
UPDATE turn SET doc = json_remove(doc, '$.question') WHERE json_extract(doc, '$.question') = '';
UPDATE turn SET doc = json_remove(json_set(doc, '$.fallbackAgentId', json_extract(doc, '$.boundAgentId')), '$.boundAgentId')
WHERE json_extract(doc, '$.boundAgentId') IS NOT NULL;

-- Facts that were read from the trace are fields now.
UPDATE turn SET doc = json_set(doc, '$.finishServedAt', (
  SELECT min(json_extract(step.value, '$.at')) FROM json_each(doc, '$.trace') step
  WHERE json_extract(step.value, '$.kind') = 'frame_finished'))
WHERE EXISTS (SELECT 1 FROM json_each(doc, '$.trace') step WHERE json_extract(step.value, '$.kind') = 'frame_finished');
UPDATE turn SET doc = json_set(doc, '$.lost', json('true'))
WHERE EXISTS (SELECT 1 FROM json_each(doc, '$.trace') step WHERE json_extract(step.value, '$.lost') = 1);

-- The state `twin` is called `duplicate` now.
UPDATE turn SET doc = json_set(doc, '$.files', (
  SELECT json_group_array(CASE json_extract(file.value, '$.state')
    WHEN 'twin' THEN json_set(file.value, '$.state', 'duplicate') ELSE json(file.value) END)
  FROM json_each(doc, '$.files') file))
WHERE instr(doc, '"twin"') > 0 AND json_extract(doc, '$.files') IS NOT NULL;

CREATE INDEX turn_due ON turn (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX turn_unsaid ON turn (account, sender) WHERE unsaid = 1;
CREATE INDEX turn_finished ON turn (erased, ended_at) WHERE due_at IS NULL AND ended_at IS NOT NULL;
CREATE INDEX turn_task ON turn (head, task_at) WHERE task_at IS NOT NULL;

DELETE FROM delivery WHERE route = 'gateway';
UPDATE delivery SET doc = json_object(
  'id', id, 'turn', turn, 'account', account,
  'queue', CASE route WHEN 'admin' THEN 'approval' ELSE 'media' END,
  'body', json_extract(doc, '$.body'),
  'state', CASE WHEN done = 0 THEN 'queued' WHEN state = 'delivered' THEN 'done' ELSE 'failed' END,
  'dueAt', due_at, 'expiresAt', json_extract(doc, '$.expiresAt'), 'createdAt', created_at)
WHERE route IN ('media', 'admin');
UPDATE delivery SET
  doc = CASE WHEN finished_at IS NULL THEN doc ELSE json_set(doc, '$.finishedAt', finished_at) END,
  state = json_extract(doc, '$.state'),
  route = json_extract(doc, '$.queue'),
  head = CASE WHEN done = 0 THEN 1 ELSE 0 END
WHERE route IN ('media', 'admin');
