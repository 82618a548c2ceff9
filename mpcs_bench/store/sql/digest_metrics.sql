SELECT stage_id, part, test_magnification, metric, value, n
FROM metric
WHERE list_contains($stages, stage_id)
ORDER BY stage_id, part, test_magnification, metric;
