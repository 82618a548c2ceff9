-- Which experiments some protocols hold. Parameter: $protocols.
SELECT experiment, protocol
FROM cells
WHERE list_contains($protocols, protocol)
GROUP BY experiment, protocol
ORDER BY min(position), protocol
