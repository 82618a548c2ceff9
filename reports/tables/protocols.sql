-- The protocols that this workspace knows, and what goes with their tables.
SELECT protocol, notes, factors, decisions FROM protocols ORDER BY protocol
