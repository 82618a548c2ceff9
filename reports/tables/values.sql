-- Metrics of the test part, of the finished cells of one protocol. Parameter: $protocol.
SELECT DISTINCT
    metrics.cell_id,
    nullif(metrics.test_magnification, 0) AS test_magnification,
    metrics.metric,
    metrics.value,
    metrics.n
FROM metrics
JOIN cells USING (cell_id)
WHERE cells.protocol = $protocol
  AND cells.state = 'done'
  AND metrics.part = 'test'
ORDER BY metrics.cell_id, metrics.metric, test_magnification
