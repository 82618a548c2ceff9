-- The finished pre-trainings that cells of some protocols stand on, with what they were made from.
-- Parameter: $protocols.
WITH standing AS (
    SELECT DISTINCT
        protocol,
        scale,
        strategy,
        encoder,
        fold,
        seed,
        unnest(from_json(upstream, '["VARCHAR"]')) AS key
    FROM cells
    WHERE list_contains($protocols, protocol)
        AND upstream IS NOT NULL
)
SELECT
    standing.strategy,
    standing.encoder,
    standing.scale,
    standing.fold,
    standing.seed,
    standing.key,
    stages.spec
FROM standing
JOIN stages USING (key)
WHERE stages.state = 'done'
    AND stages.kind = 'pretrain'
ORDER BY ALL
