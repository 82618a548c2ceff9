-- incoming_state: one row per stage; its stage has a row already.
DELETE FROM state
WHERE stage_id IN (SELECT stage_id FROM stage JOIN incoming_state USING (key));

INSERT INTO state
SELECT
    stage.stage_id,
    incoming_state.state,
    incoming_state.reason,
    error,
    traceback,
    pid,
    host,
    started,
    updated
FROM incoming_state
JOIN stage USING (key);
