-- The comparisons of one protocol, for its crate. Parameter: $protocol.
SELECT *
FROM comparison
WHERE protocol = $protocol
ORDER BY baseline, candidate, metric, magnification, unit, method
