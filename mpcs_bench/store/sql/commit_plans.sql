-- A plan replaces what its protocol consisted of before; incoming_plan, and incoming_cell.
DELETE FROM membership WHERE protocol IN (SELECT protocol FROM incoming_plan);

DELETE FROM protocol WHERE protocol IN (SELECT protocol FROM incoming_plan);

INSERT INTO protocol
SELECT protocol, title, scale, baseline, notes, factors, decisions, margin, margin_note, planned_at
FROM incoming_plan
ORDER BY protocol;

INSERT INTO membership
SELECT incoming_cell.protocol, experiment, label, position, cell_id
FROM incoming_cell
JOIN cell USING (identity)
ORDER BY line;
