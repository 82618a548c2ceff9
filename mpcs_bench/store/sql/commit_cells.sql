-- Make or complete cells; incoming_cell holds one row per cell and protocol, or per result.
-- Their stages have rows already.
INSERT INTO cell
SELECT
    (SELECT coalesce(max(cell_id), 0) FROM cell) + row_number() OVER (ORDER BY line),
    identity,
    stage.stage_id,
    one.symbolic,
    dataset,
    encoder,
    weights,
    strategy,
    loss,
    adaptation,
    train_magnification,
    label_fraction,
    fold,
    split_seed,
    seed,
    replicate,
    fingerprint,
    split_hash,
    conditions,
    condition_hash,
    upstream
FROM (
    -- The first line of each; a window would carry every column along.
    SELECT * FROM incoming_cell WHERE line IN (SELECT min(line) FROM incoming_cell GROUP BY identity)
) AS one
LEFT JOIN stage USING (key)
WHERE identity NOT IN (SELECT identity FROM cell);

-- What a first sight did not know (a result without a plan has no conditions) is filled in.
UPDATE cell
SET
    fingerprint = coalesce(known.fingerprint, cell.fingerprint),
    split_hash = coalesce(known.split_hash, cell.split_hash),
    conditions = coalesce(known.conditions, cell.conditions),
    condition_hash = coalesce(known.condition_hash, cell.condition_hash),
    upstream = coalesce(known.upstream, cell.upstream)
FROM (
    SELECT * FROM incoming_cell WHERE line IN (SELECT min(line) FROM incoming_cell GROUP BY identity)
) AS known
WHERE cell.identity = known.identity
    AND (
        cell.fingerprint IS DISTINCT FROM coalesce(known.fingerprint, cell.fingerprint)
        OR cell.split_hash IS DISTINCT FROM coalesce(known.split_hash, cell.split_hash)
        OR cell.condition_hash IS DISTINCT FROM coalesce(known.condition_hash, cell.condition_hash)
        OR cell.upstream IS DISTINCT FROM coalesce(known.upstream, cell.upstream)
    );
