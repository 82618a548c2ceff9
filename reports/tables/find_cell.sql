-- A cell by its number, its key (or the start of it), or its readable id; with what made it.
SELECT
    cells.*,
    stages.seconds,
    stages.environment,
    stages.timings,
    stages.notes
FROM cells
LEFT JOIN stages USING (stage_id)
WHERE
    cast(cells.cell_id AS varchar) = $name
    OR cells.symbolic = $name
    OR (length($name) >= 6 AND starts_with(cells.key, $name));
