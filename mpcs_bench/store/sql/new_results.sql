-- Those of incoming_result that are not here yet.
CREATE OR REPLACE TEMP TABLE new_result AS
SELECT stage.stage_id, incoming_result.*
FROM incoming_result
JOIN stage USING (key)
WHERE stage.finished IS NULL;
