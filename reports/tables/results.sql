-- One row per cell: where it stands, and what it scored on the test part.
WITH scores AS (
    SELECT
        cell_id,
        any_value(value) FILTER (WHERE metric = 'image_accuracy') AS image_accuracy,
        any_value(value) FILTER (WHERE metric = 'patient_accuracy') AS patient_accuracy
    FROM (
        SELECT cell_id, metric, avg(value) AS value
        FROM metrics
        WHERE part = 'test'
        GROUP BY cell_id, metric
    )
    GROUP BY cell_id
)
SELECT
    cells.protocol,
    cells.experiment,
    cells.cell_id,
    cells.symbolic,
    cells.state,
    scores.image_accuracy,
    scores.patient_accuracy,
    cells.key,
    cells.error
FROM cells
LEFT JOIN scores USING (cell_id)
WHERE $protocols IS NULL OR list_contains($protocols, cells.protocol)
ORDER BY cells.protocol, cells.position, cells.train_magnification, cells.fold, cells.seed, cells.symbolic;
