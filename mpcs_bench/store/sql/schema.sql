-- Tables of bench.duckdb. They are internal: read the views (views.sql) instead.
-- Times are UTC. Ids are local to one database file: a rebuild may give others.

CREATE TABLE meta (
    schema_version INTEGER NOT NULL,
    created TIMESTAMP NOT NULL
);

-- One row per stage that anything is known of; `finished` is null until its result is here.
CREATE TABLE stage (
    stage_id INTEGER NOT NULL UNIQUE,
    key VARCHAR NOT NULL UNIQUE,
    kind VARCHAR,
    symbolic VARCHAR,
    stage_version INTEGER,
    spec JSON,
    environment JSON,
    timings JSON,
    notes JSON,
    finished TIMESTAMP,
    seconds DOUBLE
);

CREATE TABLE state (
    stage_id INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    reason VARCHAR,
    error VARCHAR,
    traceback VARCHAR,
    pid BIGINT,
    host VARCHAR,
    started TIMESTAMP,
    updated TIMESTAMP
);

CREATE TABLE protocol (
    protocol VARCHAR NOT NULL,
    title VARCHAR,
    scale VARCHAR,
    baseline VARCHAR,
    notes VARCHAR[],
    factors VARCHAR[],
    decisions JSON,
    margin DOUBLE,
    margin_note VARCHAR,
    planned_at TIMESTAMP
);

-- `identity` is the key, or 'unresolved:' and the symbolic id where the key is not known yet.
CREATE TABLE cell (
    cell_id INTEGER NOT NULL UNIQUE,
    identity VARCHAR NOT NULL UNIQUE,
    stage_id INTEGER,
    symbolic VARCHAR,
    dataset VARCHAR,
    encoder VARCHAR,
    weights VARCHAR,
    strategy VARCHAR NOT NULL,
    loss VARCHAR,
    adaptation VARCHAR,
    train_magnification INTEGER NOT NULL,
    label_fraction DOUBLE,
    fold INTEGER,
    split_seed BIGINT,
    seed BIGINT,
    replicate INTEGER NOT NULL,
    fingerprint VARCHAR,
    split_hash VARCHAR,
    conditions JSON,
    condition_hash VARCHAR,
    upstream JSON
);

CREATE TABLE membership (
    protocol VARCHAR NOT NULL,
    experiment VARCHAR NOT NULL,
    label VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    cell_id INTEGER NOT NULL
);

CREATE TABLE metric (
    stage_id INTEGER NOT NULL,
    part VARCHAR NOT NULL,
    test_magnification INTEGER NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    n BIGINT NOT NULL
);

CREATE TABLE history_row (
    stage_id INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    value DOUBLE NOT NULL
);

-- What predictions are about, once for all cells; `prediction` holds only what differs.
CREATE TABLE item (
    item_id INTEGER NOT NULL,
    sample_id VARCHAR NOT NULL,
    pixel_hash VARCHAR NOT NULL,
    image_id VARCHAR NOT NULL,
    patient_id VARCHAR NOT NULL,
    group_id VARCHAR NOT NULL,
    magnification INTEGER NOT NULL,
    patch_index INTEGER NOT NULL,
    label INTEGER NOT NULL
);

CREATE TABLE prediction (
    stage_id INTEGER NOT NULL,
    item_id INTEGER NOT NULL,
    part VARCHAR NOT NULL,
    predicted INTEGER NOT NULL,
    score DOUBLE,
    logits FLOAT[] NOT NULL,
    threshold DOUBLE
);

CREATE TABLE sample_index (
    index_id INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,
    dataset VARCHAR
);

CREATE TABLE sample (
    index_id INTEGER NOT NULL,
    sample_id VARCHAR NOT NULL,
    path VARCHAR,
    label VARCHAR,
    label_index INTEGER,
    subtype VARCHAR,
    patient_id VARCHAR,
    groups JSON,
    magnification INTEGER NOT NULL,
    sequence VARCHAR,
    image_id VARCHAR,
    patch_index INTEGER,
    box_x INTEGER,
    box_y INTEGER,
    box_w INTEGER,
    box_h INTEGER,
    width INTEGER,
    height INTEGER,
    pixel_hash VARCHAR
);

CREATE TABLE comparison_row (
    protocol VARCHAR NOT NULL,
    baseline VARCHAR NOT NULL,
    candidate VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    dataset VARCHAR NOT NULL,
    magnification INTEGER NOT NULL,
    question VARCHAR,
    unit VARCHAR NOT NULL,
    method VARCHAR NOT NULL,
    n BIGINT,
    mean_difference DOUBLE,
    interval_low DOUBLE,
    interval_high DOUBLE,
    statistic DOUBLE,
    p DOUBLE,
    p_adjusted DOUBLE,
    smallest_p DOUBLE,
    smallest_p_adjusted DOUBLE,
    effect DOUBLE,
    details JSON,
    note VARCHAR,
    computed_at TIMESTAMP NOT NULL
);

-- The publications whose values are here, and the digest of the files that they came from.
CREATE TABLE publication (
    source VARCHAR NOT NULL,
    digest VARCHAR NOT NULL
);

CREATE TABLE published_value (
    source VARCHAR NOT NULL,
    table_id VARCHAR NOT NULL,
    row_id VARCHAR NOT NULL,
    column_id VARCHAR NOT NULL,
    row_position INTEGER NOT NULL,
    column_position INTEGER NOT NULL,
    row_label VARCHAR,
    column_label VARCHAR,
    dataset VARCHAR,
    encoder VARCHAR,
    method VARCHAR,
    strategy VARCHAR,
    experiment VARCHAR,
    metric VARCHAR,
    part VARCHAR,
    magnification INTEGER NOT NULL,
    label_fraction DOUBLE,
    adaptation VARCHAR,
    printed VARCHAR NOT NULL,
    mean DOUBLE,
    sd DOUBLE,
    unit VARCHAR,
    bold BOOLEAN NOT NULL,
    literature BOOLEAN NOT NULL,
    citation VARCHAR,
    reference VARCHAR
);

CREATE TABLE claim (
    source VARCHAR NOT NULL,
    claim_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    section VARCHAR NOT NULL,
    place VARCHAR NOT NULL,
    quote VARCHAR NOT NULL,
    unit VARCHAR,
    value DOUBLE,
    plus_minus DOUBLE,
    low DOUBLE,
    high DOUBLE,
    p DOUBLE,
    experiments VARCHAR[] NOT NULL,
    subject VARCHAR[] NOT NULL,
    baseline VARCHAR[] NOT NULL,
    paired_by VARCHAR[] NOT NULL,
    quantifier VARCHAR NOT NULL,
    unchecked VARCHAR,
    note VARCHAR
);

-- What the last report over a publication found of its cells and of its claims, in points.
CREATE TABLE verdict (
    source VARCHAR NOT NULL,
    table_id VARCHAR,
    row_id VARCHAR,
    column_id VARCHAR,
    claim_id VARCHAR,
    runs VARCHAR,
    protocols VARCHAR[] NOT NULL,
    scale VARCHAR,
    verdict VARCHAR NOT NULL,
    reasons VARCHAR[] NOT NULL,
    difference DOUBLE,
    low DOUBLE,
    high DOUBLE,
    margin DOUBLE,
    smallest_margin DOUBLE,
    n BIGINT,
    z DOUBLE,
    computed_at TIMESTAMP NOT NULL
);
