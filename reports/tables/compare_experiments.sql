-- The experiments that a comparison can name: every one of every protocol of the workspace.
SELECT DISTINCT protocol, experiment
FROM cells
WHERE protocol IS NOT NULL
ORDER BY protocol, experiment
