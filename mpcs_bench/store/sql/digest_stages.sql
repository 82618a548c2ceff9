-- Cells with a result, in the order of the digest; $protocols is null for all.
SELECT stage.key, stage.stage_id
FROM cell
JOIN stage USING (stage_id)
WHERE stage.finished IS NOT NULL
    AND (
        $protocols IS NULL
        OR cell.cell_id IN (
            SELECT cell_id FROM membership WHERE list_contains($protocols, protocol)
        )
    )
ORDER BY stage.key;
