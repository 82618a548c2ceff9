-- What the samples of one data set are. Parameter: $fingerprint.
SELECT dataset, sample_id, label, label_index, magnification
FROM samples
WHERE fingerprint = $fingerprint
ORDER BY sample_id
