-- The margins of equivalence that some protocols fix, in percentage points, and those that others
-- fix for the same cells. Parameter: $protocols.
WITH own AS (
    SELECT DISTINCT protocol, cell_id
    FROM cells
    WHERE list_contains($protocols, protocol)
)
SELECT DISTINCT
    own.protocol,
    protocols.protocol AS fixed_by,
    protocols.margin,
    protocols.margin_note
FROM own
JOIN cells AS holder USING (cell_id)
JOIN protocols ON protocols.protocol = holder.protocol
WHERE protocols.margin IS NOT NULL
ORDER BY own.protocol, fixed_by
