-- Make a row for every stage that is new here; incoming_stage(key, symbolic).
INSERT INTO stage (stage_id, key, symbolic)
SELECT
    (SELECT coalesce(max(stage_id), 0) FROM stage) + row_number() OVER (ORDER BY key),
    key,
    symbolic
FROM (SELECT key, min(symbolic) AS symbolic FROM incoming_stage GROUP BY key) AS named
WHERE key NOT IN (SELECT key FROM stage);
