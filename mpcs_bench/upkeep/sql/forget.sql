-- Takes results, states and sample indexes out; the variables gone_... are lists of names.
CREATE OR REPLACE TEMP TABLE gone_stage AS
SELECT stage_id FROM stage WHERE list_contains(getvariable('gone_results'), key);

DELETE FROM metric WHERE stage_id IN (SELECT stage_id FROM gone_stage);

DELETE FROM history_row WHERE stage_id IN (SELECT stage_id FROM gone_stage);

DELETE FROM prediction WHERE stage_id IN (SELECT stage_id FROM gone_stage);

-- Items are shared between stages: those that no prediction is about any more go too.
DELETE FROM item
WHERE
    EXISTS (SELECT 1 FROM gone_stage)
    AND item_id NOT IN (SELECT item_id FROM prediction);

UPDATE stage
SET
    kind = NULL,
    stage_version = NULL,
    spec = NULL,
    environment = NULL,
    timings = NULL,
    notes = NULL,
    finished = NULL,
    seconds = NULL
WHERE stage_id IN (SELECT stage_id FROM gone_stage);

DELETE FROM state
WHERE stage_id IN (
    SELECT stage_id
    FROM stage
    WHERE
        list_contains(getvariable('gone_results'), key)
        OR list_contains(getvariable('gone_states'), key)
);

DELETE FROM sample
WHERE index_id IN (
    SELECT index_id
    FROM sample_index
    WHERE list_contains(getvariable('gone_indexes'), fingerprint)
);

DELETE FROM sample_index
WHERE list_contains(getvariable('gone_indexes'), fingerprint);

DELETE FROM comparison_row
WHERE list_contains(getvariable('gone_protocols'), protocol);

DELETE FROM verdict
WHERE list_has_any(protocols, getvariable('gone_protocols'));
