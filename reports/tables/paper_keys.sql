-- The cells of some protocols with their keys; null while a cell cannot be run. Parameter:
-- $protocols.
SELECT DISTINCT cell_id, key
FROM cells
WHERE list_contains($protocols, protocol)
ORDER BY cell_id
