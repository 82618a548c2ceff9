-- Load one sample index (variables sample_file, sample_fingerprint, sample_dataset).
INSERT INTO sample_index
SELECT
    (SELECT coalesce(max(index_id), 0) FROM sample_index) + 1,
    getvariable('sample_fingerprint'),
    getvariable('sample_dataset');

INSERT INTO sample
WITH line AS (
    SELECT row_number() OVER () AS line, *
    FROM read_parquet(getvariable('sample_file'), hive_partitioning = false)
),
grouping_of AS (
    UNPIVOT (SELECT line, COLUMNS('^group_.+')::VARCHAR FROM line)
    ON * EXCLUDE (line)
    INTO NAME grouping VALUE member
)
SELECT
    (SELECT max(index_id) FROM sample_index),
    sample_id,
    path,
    label,
    label_index,
    subtype,
    patient_id,
    coalesce(folded.groups, '{}'),
    coalesce(magnification, 0),
    sequence,
    image_id,
    patch_index,
    box_x,
    box_y,
    box_w,
    box_h,
    width,
    height,
    pixel_hash
FROM line
LEFT JOIN (
    SELECT
        line,
        json_group_object(substr(grouping, length('group_') + 1), member) AS groups
    FROM grouping_of
    GROUP BY line
) AS folded USING (line)
ORDER BY line;
