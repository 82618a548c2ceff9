-- The public views. docs/database.md describes every column; tests hold both to it.

CREATE VIEW protocols AS
SELECT protocol, title, scale, baseline, notes, factors, decisions, margin, margin_note, planned_at
FROM protocol;

CREATE VIEW stages AS
SELECT
    stage.stage_id,
    stage.key,
    stage.kind,
    stage.symbolic,
    stage.stage_version,
    CASE
        WHEN stage.finished IS NOT NULL THEN 'done'
        WHEN state.state = 'done' THEN 'planned'
        ELSE coalesce(state.state, 'planned')
    END AS state,
    CASE
        WHEN stage.finished IS NOT NULL THEN NULL
        WHEN state.state = 'done' THEN 'its result is not in the database'
        ELSE state.reason
    END AS reason,
    CASE WHEN stage.finished IS NULL THEN state.error END AS error,
    CASE WHEN stage.finished IS NULL THEN state.traceback END AS traceback,
    state.started,
    CASE WHEN stage.finished IS NULL AND state.state = 'running' THEN state.pid END AS pid,
    CASE WHEN stage.finished IS NULL AND state.state = 'running' THEN state.host END AS host,
    stage.finished,
    stage.seconds,
    stage.environment,
    stage.timings,
    stage.notes,
    stage.spec
FROM stage
LEFT JOIN state USING (stage_id);

CREATE VIEW cells AS
SELECT
    membership.protocol,
    membership.experiment,
    membership.label,
    membership.position,
    cell.cell_id,
    stages.key,
    cell.symbolic,
    cell.dataset,
    cell.encoder,
    cell.weights,
    cell.strategy,
    cell.loss,
    cell.adaptation,
    cell.train_magnification,
    cell.label_fraction,
    cell.fold,
    cell.split_seed,
    cell.seed,
    cell.replicate,
    protocol.title,
    protocol.scale,
    protocol.baseline,
    coalesce(stages.state, 'planned') AS state,
    stages.reason,
    stages.error,
    stages.finished,
    cell.fingerprint,
    cell.split_hash,
    cell.conditions,
    cell.condition_hash,
    cell.upstream,
    cell.stage_id
FROM cell
LEFT JOIN membership USING (cell_id)
LEFT JOIN protocol USING (protocol)
LEFT JOIN stages USING (stage_id);

CREATE VIEW metrics AS
SELECT
    cell.cell_id,
    metric.stage_id,
    cell.encoder,
    cell.strategy,
    cell.fold,
    cell.seed,
    cell.train_magnification,
    metric.part,
    metric.test_magnification,
    metric.metric,
    metric.value,
    metric.n
FROM metric
LEFT JOIN cell USING (stage_id);

CREATE VIEW predictions AS
SELECT
    cell.cell_id,
    prediction.stage_id,
    cell.fold,
    cell.seed,
    prediction.part,
    item.sample_id,
    item.pixel_hash,
    item.image_id,
    item.patient_id,
    item.group_id,
    item.magnification,
    item.patch_index,
    item.label,
    prediction.predicted,
    prediction.score,
    prediction.logits,
    prediction.threshold
FROM prediction
JOIN item USING (item_id)
LEFT JOIN cell USING (stage_id);

CREATE VIEW history AS
SELECT
    history_row.stage_id,
    cell.cell_id,
    stage.key,
    stage.kind,
    history_row.epoch,
    history_row.name,
    history_row.value
FROM history_row
JOIN stage USING (stage_id)
LEFT JOIN cell USING (stage_id);

CREATE VIEW samples AS
SELECT
    sample_index.dataset,
    sample_index.fingerprint,
    sample.* EXCLUDE (index_id)
FROM sample
JOIN sample_index USING (index_id);

CREATE VIEW comparison AS
SELECT * FROM comparison_row;

CREATE VIEW published AS
SELECT * FROM published_value;

CREATE VIEW claims AS
SELECT * FROM claim;

CREATE VIEW verdicts AS
SELECT * FROM verdict;
