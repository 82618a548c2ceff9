-- The keys of the results that are here.
SELECT key FROM stage WHERE finished IS NOT NULL;
