-- The metrics of one cell.
SELECT part, test_magnification, metric, value, n
FROM metrics
WHERE cell_id = $cell
ORDER BY part, test_magnification, metric;
