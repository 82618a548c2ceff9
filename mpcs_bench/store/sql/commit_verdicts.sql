-- The verdicts of a report replace all former ones on the same publication; incoming_verdict.
DELETE FROM verdict
WHERE source IN (SELECT source FROM incoming_verdict);

INSERT INTO verdict BY NAME
SELECT * FROM incoming_verdict;
