-- What is computed of a pair replaces all that was known of it before; incoming_comparison.
-- Names of tests and units tell more (exact, naive, refused): a pair's old rows go whatever they say.
DELETE FROM comparison_row
WHERE (protocol, baseline, candidate, metric, dataset) IN (
    SELECT (protocol, baseline, candidate, metric, dataset)
    FROM incoming_comparison
);

INSERT INTO comparison_row BY NAME
SELECT * FROM incoming_comparison;
