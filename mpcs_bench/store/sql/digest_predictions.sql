SELECT
    stage_id, part, sample_id, pixel_hash, label, predicted, score, threshold, logits
FROM prediction
JOIN item USING (item_id)
WHERE list_contains($stages, stage_id)
ORDER BY stage_id, part, sample_id;
