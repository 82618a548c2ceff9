-- What each finished cell said of each test sample: one row per cell and sample. The store writes
-- magnification 0 where a data set has none. Parameter: $cells.
WITH compared AS (
    SELECT DISTINCT cell_id
    FROM cells
    WHERE state = 'done' AND list_contains($cells, cell_id)
)
SELECT
    cell_id,
    predictions.magnification,
    predictions.sample_id,
    predictions.image_id,
    predictions.patient_id,
    predictions.group_id,
    predictions.patch_index,
    predictions.label,
    predictions.predicted,
    predictions.logits,
    predictions.threshold
FROM predictions
JOIN compared USING (cell_id)
WHERE predictions.part = 'test'
ORDER BY cell_id, magnification, image_id, patch_index
