-- Cells and stages that no plan names any more and that never had a result.
DELETE FROM cell
WHERE cell_id NOT IN (SELECT cell_id FROM membership)
    AND (
        stage_id IS NULL
        OR stage_id IN (SELECT stage_id FROM stage WHERE finished IS NULL)
    );

DELETE FROM stage
WHERE finished IS NULL
    AND stage_id NOT IN (SELECT stage_id FROM cell WHERE stage_id IS NOT NULL)
    AND stage_id NOT IN (SELECT stage_id FROM state);
