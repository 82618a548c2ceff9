-- A comparison computed again replaces the earlier one; incoming_comparison.
DELETE FROM comparison_row
WHERE (protocol, baseline, candidate, metric, magnification, unit, method) IN (
    SELECT (protocol, baseline, candidate, metric, magnification, unit, method)
    FROM incoming_comparison
);

INSERT INTO comparison_row BY NAME
SELECT * FROM incoming_comparison;
