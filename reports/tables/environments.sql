-- The environments that the finished cells of one protocol ran in, and how many ran in each.
-- Hosts alone make no other environment, and packages are those that the environment names:
-- `show --provenance` has the rest. Parameter: $protocol.
SELECT
    json_merge_patch(stages.environment, '{"host": null, "installed": null}') AS environment,
    count(DISTINCT cells.cell_id) AS cells
FROM cells
JOIN stages USING (stage_id)
WHERE cells.protocol = $protocol
  AND cells.state = 'done'
  AND stages.environment IS NOT NULL
GROUP BY ALL
ORDER BY cells DESC, environment
