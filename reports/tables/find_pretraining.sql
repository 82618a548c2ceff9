-- A pre-training by its key (or the start of it) or its readable id; with the weights that its
-- cells say it started from.
SELECT
    stages.key,
    stages.symbolic,
    (
        SELECT any_value(cells.weights)
        FROM cells
        WHERE list_contains(cast(cells.upstream AS varchar[]), stages.key)
    ) AS weights
FROM stages
WHERE
    stages.kind = 'pretrain'
    AND (
        stages.symbolic = $name
        OR (length($name) >= 6 AND starts_with(stages.key, $name))
    );
