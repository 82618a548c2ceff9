-- Every metric of the finished cells of one protocol, for its crate. Parameter: $protocol.
SELECT
    cells.experiment,
    cells.key,
    cells.symbolic,
    metrics.part,
    metrics.test_magnification,
    metrics.metric,
    metrics.value,
    metrics.n
FROM metrics
JOIN cells USING (cell_id)
WHERE cells.protocol = $protocol
ORDER BY
    cells.position, cells.symbolic, cells.key,
    metrics.part, metrics.test_magnification, metrics.metric
