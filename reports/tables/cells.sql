-- Every cell of one protocol, done or not: what the report counts, groups and pairs.
-- The store writes magnification 0 where a data set has none. Parameter: $protocol.
SELECT
    cell_id,
    symbolic,
    title,
    baseline,
    experiment,
    label,
    position,
    dataset,
    encoder,
    weights,
    strategy,
    loss,
    adaptation,
    nullif(train_magnification, 0) AS train_magnification,
    label_fraction,
    fold,
    split_seed,
    seed,
    replicate,
    scale,
    state,
    coalesce(error, reason) AS reason,
    fingerprint,
    split_hash,
    conditions,
    finished
FROM cells
WHERE protocol = $protocol
ORDER BY position, experiment, train_magnification, split_seed, fold, seed, replicate, cell_id
