-- Load the tables of new_result; the variables hold the lists of their files.
INSERT INTO metric
SELECT stage_id, part, test_magnification, metric, value, n
FROM read_parquet(getvariable('metrics_files'), filename = true, hive_partitioning = false) AS file
JOIN new_result ON new_result.metrics_file = file.filename;

INSERT INTO history_row
SELECT stage_id, epoch, name, value
FROM read_parquet(getvariable('history_files'), filename = true, hive_partitioning = false) AS file
JOIN new_result ON new_result.history_file = file.filename;

CREATE OR REPLACE TEMP TABLE new_prediction AS
SELECT
    stage_id,
    file.* EXCLUDE (filename)
FROM read_parquet(
    getvariable('predictions_files'), filename = true, hive_partitioning = false
) AS file
JOIN new_result ON new_result.predictions_file = file.filename;

-- Items are looked up by sample first, so that a commit does not compare all there are.
CREATE OR REPLACE TEMP TABLE known_item AS
SELECT item.* FROM item SEMI JOIN new_prediction USING (sample_id);

INSERT INTO known_item
SELECT
    (SELECT coalesce(max(item_id), 0) FROM item)
    + row_number() OVER (ORDER BY magnification, sample_id, group_id),
    sample_id,
    pixel_hash,
    image_id,
    patient_id,
    group_id,
    magnification,
    patch_index,
    label
FROM (
    SELECT DISTINCT
        sample_id, pixel_hash, image_id, patient_id, group_id, magnification, patch_index, label
    FROM new_prediction
) AS seen
ANTI JOIN known_item USING (
    sample_id, pixel_hash, image_id, patient_id, group_id, magnification, patch_index, label
);

INSERT INTO item
SELECT * FROM known_item WHERE item_id > (SELECT coalesce(max(item_id), 0) FROM item);

INSERT INTO prediction
SELECT stage_id, item_id, part, predicted, score, logits, threshold
FROM new_prediction
JOIN known_item USING (
    sample_id, pixel_hash, image_id, patient_id, group_id, magnification, patch_index, label
);

UPDATE stage
SET
    kind = new_result.kind,
    symbolic = new_result.symbolic,
    stage_version = new_result.stage_version,
    spec = new_result.spec,
    environment = new_result.environment,
    timings = new_result.timings,
    notes = new_result.notes,
    finished = new_result.finished,
    seconds = new_result.seconds
FROM new_result
WHERE stage.stage_id = new_result.stage_id;
