-- The results of the finished cells of some protocols. Parameter: $protocols.
SELECT DISTINCT cell_id, key
FROM cells
WHERE list_contains($protocols, protocol)
    AND state = 'done'
ORDER BY cell_id
