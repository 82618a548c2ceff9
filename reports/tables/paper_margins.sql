-- The margin of equivalence that each protocol fixes, in percentage points. Parameter: $protocols.
SELECT protocol, margin
FROM protocols
WHERE list_contains($protocols, protocol) AND margin IS NOT NULL
ORDER BY protocol
