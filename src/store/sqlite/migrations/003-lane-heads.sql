-- Rows with the same place in a lane could leave the lane without a head, and then nothing in it was ever claimed.
UPDATE delivery SET head = 1 WHERE done = 0 AND (turn_seq, id) IN (
  SELECT turn_seq, id FROM (
    SELECT turn_seq, id,
      row_number() OVER (PARTITION BY lane ORDER BY position, turn_seq, id) AS place,
      max(head) OVER (PARTITION BY lane) AS heads
    FROM delivery WHERE done = 0
  ) WHERE place = 1 AND heads = 0
);
