-- The environments that the finished cells of one protocol ran in, and how many ran in each.
-- Parameter: $protocol.
SELECT stages.environment, count(DISTINCT cells.cell_id) AS cells
FROM cells
JOIN stages USING (stage_id)
WHERE cells.protocol = $protocol
  AND cells.state = 'done'
  AND stages.environment IS NOT NULL
GROUP BY stages.environment
ORDER BY cells DESC, stages.environment
