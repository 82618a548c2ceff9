-- The cells of one protocol for its crate; ids of one database file mean nothing in another.
-- Parameter: $protocol.
SELECT
    experiment,
    label,
    key,
    symbolic,
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
    error,
    finished,
    fingerprint,
    split_hash,
    condition_hash
FROM cells
WHERE protocol = $protocol
ORDER BY position, train_magnification, split_seed, fold, seed, replicate, symbolic, key
