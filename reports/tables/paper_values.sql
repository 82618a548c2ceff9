-- Metrics of every part, of the finished cells of some protocols; what is not defined (NaN) is left
-- out. Parameter: $protocols.
SELECT DISTINCT
    metrics.cell_id,
    metrics.part,
    nullif(metrics.test_magnification, 0) AS test_magnification,
    metrics.metric,
    metrics.value,
    metrics.n
FROM metrics
JOIN cells USING (cell_id)
WHERE list_contains($protocols, cells.protocol)
  AND cells.state = 'done'
  AND isfinite(metrics.value)
ORDER BY metrics.cell_id, metrics.part, metrics.metric, test_magnification
