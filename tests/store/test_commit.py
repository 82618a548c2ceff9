"""Committing: everything arrives once, whatever is committed how often."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.records import (
    ResultSpec,
    ResultTables,
    StageState,
    metrics_table,
    read_result,
    write_result,
)
from mpcs_bench.store import (
    ComparisonRow,
    PublishedClaim,
    PublishedSource,
    PublishedValue,
    SampleSource,
)


def one(store, sql):
    _, rows = store.query(sql)
    assert len(rows) == 1
    return rows[0] if len(rows[0]) > 1 else rows[0][0]


def everything(store):
    """Return the whole content of the database but for its own creation time."""
    names = [name for (name,) in store.query("SELECT table_name FROM duckdb_tables()")[1]]
    return {
        name: sorted(map(repr, store.query(f"FROM {name}")[1])) for name in names if name != "meta"
    }


def test_results_arrive_with_their_tables_and_environment(workspace):
    paths = [workspace.result(0), workspace.result(1), workspace.pretraining()]
    report = workspace.store.commit(results=paths)

    assert set(report.added) == {path.name for path in paths}
    assert report.present == ()
    assert report.damaged == {}
    store = workspace.store
    assert one(store, "SELECT count(*) FROM stages WHERE state = 'done'") == 3
    assert one(store, "SELECT count(*) FROM metrics") == 8
    assert one(store, "SELECT count(*) FROM predictions") == 2 * 60
    assert one(store, "SELECT count(*) FROM history") == 7
    row = one(
        store,
        "SELECT kind, stage_version, seconds, environment->>'torch', "
        "(spec->>'learning_rate')::DOUBLE, "
        f"finished IS NOT NULL FROM stages WHERE key = '{workspace.key(0)}'",
    )
    assert row == ("finetune", 1, 12.5, "2.11", 2e-5, True)


def test_a_view_gives_predictions_as_they_were_stored(workspace):
    path = workspace.result(0)
    workspace.store.commit(results=[path])
    stored = read_result(path).predictions().sort_by("sample_id")
    names = ", ".join(stored.column_names)
    seen = workspace.store.query_arrow(f"SELECT {names} FROM predictions ORDER BY sample_id")

    assert seen.to_pydict() == stored.to_pydict()


def test_committing_twice_changes_nothing(workspace):
    plan = workspace.plan(workspace.cell(0, 0), workspace.cell(1, 1))
    state = StageState("pre", "pretrain", "failed", error="no space")
    samples = [SampleSource("f1d0", workspace.samples(), "breakhis")]
    paths = [workspace.result(0), workspace.pretraining("other")]
    given = {"plans": [plan], "states": [state], "results": paths, "samples": samples}

    workspace.store.commit(**given)
    before = everything(workspace.store)
    report = workspace.store.commit(**given)

    assert everything(workspace.store) == before
    assert report.added == ()
    assert set(report.present) == {path.name for path in paths}


def test_a_result_given_twice_in_one_commit_arrives_once(workspace):
    path = workspace.result(0)
    workspace.store.commit(results=[path, path])

    assert one(workspace.store, "SELECT count(*) FROM predictions") == 60


def test_results_in_many_commits_equal_results_in_one(workspace, make_workspace):
    other = make_workspace("other")
    for fold in range(3):
        workspace.store.commit(results=[workspace.result(fold)])
    other.store.commit(results=[other.result(fold) for fold in range(3)])

    query = "SELECT * EXCLUDE (cell_id, stage_id) FROM predictions ORDER BY ALL"
    assert workspace.store.query(query) == other.store.query(query)


def test_what_is_predicted_about_is_stored_once_for_all_cells(workspace):
    paths = [workspace.result(0, strategy) for strategy in ("none", "ordered", "random")]
    workspace.store.commit(results=paths[:2])
    workspace.store.commit(results=paths[2:])

    assert one(workspace.store, "SELECT count(*) FROM item") == 60
    assert one(workspace.store, "SELECT count(*) FROM predictions") == 180


def test_a_damaged_result_is_left_out_and_reported(workspace):
    good, bad = workspace.result(0), workspace.result(1)
    (bad / "metrics.parquet").write_bytes(b"rot")
    report = workspace.store.commit(results=[bad, good])

    assert report.added == (good.name,)
    assert list(report.damaged) == [bad]
    assert any("metrics.parquet" in problem for problem in report.damaged[bad])
    assert one(workspace.store, "SELECT count(*) FROM cells") == 1


def test_results_that_are_not_there_yet_are_listed(workspace):
    first, second = workspace.result(0), workspace.result(1)
    workspace.store.commit(results=[first])
    assert workspace.store.uncommitted() == [second]

    workspace.store.commit(results=workspace.store.uncommitted())
    assert workspace.store.uncommitted() == []


def test_folder_names_are_taken_literally(make_workspace):
    workspace = make_workspace("a[1] *'b'/value=3/fold=9")
    plan = workspace.plan(workspace.cell(0, 0))
    samples = [SampleSource("f1d0", workspace.samples())]
    workspace.store.commit(plans=[plan], results=[workspace.result(0)], samples=samples)

    assert one(workspace.store, "SELECT count(*) FROM metrics WHERE value <= 1 AND fold = 0") == 4
    assert one(workspace.store, "SELECT count(*) FROM samples") == 3


def test_a_failure_in_the_middle_leaves_the_database_as_it_was(workspace):
    workspace.store.commit(results=[workspace.result(0)])
    before = everything(workspace.store)
    broken = workspace.path / "broken.parquet"
    broken.write_bytes(b"PAR1")

    with pytest.raises(StoreError, match="Cannot read the sample index"):
        workspace.store.commit(results=[workspace.result(1)], samples=[SampleSource("f2", broken)])
    assert everything(workspace.store) == before
    assert workspace.store.commit(results=[workspace.result(1)]).added == (workspace.key(1),)


def test_a_metric_that_is_not_defined_stays_nan(workspace):
    metric = {"part": "test", "test_magnification": 40, "metric": "auc", "value": float("nan")}
    spec = ResultSpec("k", "finetune", "s", 1, {}, axes={"fold": 0})
    tables = ResultTables(metrics=metrics_table([metric | {"n": 3}]))
    workspace.store.commit(results=[write_result(workspace.results, spec, tables)])

    assert one(workspace.store, "SELECT isnan(value) FROM metrics") is True


# Plans and cells


def test_a_cell_that_two_protocols_share_is_one_cell(workspace):
    shared = workspace.cell(0, 0)
    plans = [
        workspace.plan(shared, workspace.cell(1, 1), protocol="exp-03"),
        workspace.plan(shared, protocol="exp-07"),
    ]
    workspace.store.commit(plans=plans, results=[workspace.result(0)])

    rows = workspace.store.query(
        "SELECT protocol, position, state, fold FROM cells ORDER BY protocol, position"
    )[1]
    assert rows == [
        ("exp-03", 0, "done", 0),
        ("exp-03", 1, "planned", 1),
        ("exp-07", 0, "done", 0),
    ]
    assert one(workspace.store, "SELECT count(DISTINCT cell_id) FROM cells") == 2
    assert one(workspace.store, "SELECT count(*) FROM metrics") == 4


def test_a_new_plan_replaces_what_its_protocol_consisted_of(workspace):
    first = workspace.plan(workspace.cell(0, 0), workspace.cell(1, 1))
    workspace.store.commit(plans=[first], results=[workspace.result(0)])
    second = workspace.plan(workspace.cell(0, 2))
    workspace.store.commit(plans=[second])

    rows = workspace.store.query("SELECT protocol, fold, state FROM cells ORDER BY fold")[1]
    # The finished cell is kept, without a protocol; the one that never ran is gone.
    assert rows == [(None, 0, "done"), ("exp-03", 2, "planned")]


def test_a_cell_whose_key_is_not_known_yet_is_there_and_later_resolved(workspace):
    blocked = workspace.cell(0, 0, key=None, fingerprint=None, split_hash=None)
    workspace.store.commit(plans=[workspace.plan(blocked)])
    assert one(workspace.store, "SELECT key, state, fold FROM cells") == (None, "planned", 0)

    workspace.store.commit(plans=[workspace.plan(workspace.cell(0, 0))])
    row = one(workspace.store, "SELECT key, state, fingerprint FROM cells")
    assert row == (workspace.key(0), "planned", "f1d0")


def test_axes_and_conditions_of_a_cell_are_columns(workspace):
    workspace.store.commit(plans=[workspace.plan(workspace.cell(3, 1, "none"))])

    names, rows = workspace.store.query("SELECT * FROM cells")
    row = dict(zip(names, rows[0], strict=True))
    expected = workspace.axes(1, "none") | {
        "protocol": "exp-03",
        "experiment": "none",
        "label": "None",
        "position": 3,
        "title": "Table 5",
        "scale": "paper",
        "baseline": "none",
        "fingerprint": "f1d0",
        "split_hash": "split-1",
    }
    assert {name: row[name] for name in expected} == expected
    assert json.loads(row["conditions"]) == {"image_size": [224, 224], "epochs": 100}
    assert json.loads(row["upstream"]) == ["pre"]


def test_equal_conditions_have_equal_hashes_however_they_are_written(workspace):
    cells = [
        workspace.cell(0, 0, conditions={"a": 1, "b": 2.0}),
        workspace.cell(1, 1, conditions={"b": 2, "a": 1.0}),
        workspace.cell(2, 2, conditions={"a": 1, "b": 3}),
    ]
    workspace.store.commit(plans=[workspace.plan(*cells)])

    hashes = workspace.store.query("SELECT condition_hash FROM cells ORDER BY position")[1]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_plan_tells_the_conditions_of_a_result_that_came_first(workspace):
    workspace.store.commit(results=[workspace.result(0)])
    assert one(workspace.store, "SELECT conditions FROM cells") is None

    workspace.store.commit(plans=[workspace.plan(workspace.cell(0, 0))])
    row = one(workspace.store, "SELECT conditions->>'epochs', split_hash, protocol FROM cells")
    assert row == ("100", "split-0", "exp-03")


def test_a_cell_without_pretraining_has_strategy_none(workspace):
    spec = ResultSpec("k", "colour-floor", "s", 1, {}, axes={"fold": 0})
    workspace.store.commit(results=[write_result(workspace.results, spec, ResultTables())])

    row = one(workspace.store, "SELECT strategy, replicate, train_magnification FROM cells")
    assert row == ("none", 0, 0)


# States


def test_a_state_shows_until_the_result_is_there(workspace):
    workspace.store.commit(plans=[workspace.plan(workspace.cell(0, 0))])
    failed = StageState(
        key=workspace.key(0),
        symbolic="s",
        state="failed",
        error="the loss is NaN",
        started="2026-01-02T05:04:05+02:00",
        updated="2026-01-02T03:09:05+00:00",
    )
    workspace.store.commit(states=[failed])
    row = one(workspace.store, "SELECT state, error, finished FROM cells")
    assert row == ("failed", "the loss is NaN", None)
    assert one(workspace.store, "SELECT started::VARCHAR FROM stages") == "2026-01-02 03:04:05"

    workspace.store.commit(results=[workspace.result(0)])
    row = one(workspace.store, "SELECT state, error, finished IS NOT NULL FROM cells")
    assert row == ("done", None, True)


def test_the_last_of_two_states_counts(workspace):
    states = [StageState("k", "s", "running", pid=1), StageState("k", "s", "interrupted")]
    workspace.store.commit(states=states)
    workspace.store.commit(states=states[1:])

    assert one(workspace.store, "SELECT key, state FROM stages") == ("k", "interrupted")


def test_a_stage_is_not_done_before_its_result_is_there(workspace):
    workspace.store.commit(states=[StageState(workspace.key(0), "s", "done")])
    row = one(workspace.store, "SELECT state, reason FROM stages")
    assert row == ("planned", "its result is not in the database")

    workspace.store.commit(results=[workspace.result(0)])
    assert one(workspace.store, "SELECT state, reason FROM stages") == ("done", None)


# Samples, comparisons, published values


def test_samples_carry_their_groups_as_json(workspace):
    source = SampleSource("f1d0", workspace.samples(), "breakhis")
    workspace.store.commit(samples=[source])

    rows = workspace.store.query(
        "SELECT dataset, fingerprint, sample_id, magnification, groups FROM samples ORDER BY ALL"
    )[1]
    assert [row[:4] for row in rows] == [
        ("breakhis", "f1d0", "s0", 40),
        ("breakhis", "f1d0", "s1", 40),
        ("breakhis", "f1d0", "s2", 0),
    ]
    assert [json.loads(row[4]) for row in rows] == [
        {"patient": "13412", "case": "case0"},
        {"patient": "13412", "case": "case1"},
        {"patient": "13412"},
    ]


def test_two_sample_indexes_stand_beside_each_other(workspace):
    workspace.store.commit(samples=[SampleSource("a", workspace.samples("a"), "one")])
    workspace.store.commit(samples=[SampleSource("b", workspace.samples("b"), "two")])

    rows = workspace.store.query("SELECT dataset, count(*) FROM samples GROUP BY ALL ORDER BY ALL")
    assert rows[1] == [("one", 3), ("two", 3)]


def test_the_data_set_of_an_index_can_be_named_later(workspace):
    workspace.store.commit(samples=[SampleSource("f1d0", workspace.samples())])
    workspace.store.commit(samples=[SampleSource("f1d0", workspace.samples(), "breakhis")])

    assert one(workspace.store, "SELECT dataset, count(*) FROM samples GROUP BY 1") == (
        "breakhis",
        3,
    )


@pytest.mark.parametrize("column", ["pixel_hash", "group_"])
def test_a_sample_index_that_lacks_columns_is_refused(workspace, column):
    path = workspace.samples()
    frame = pd.read_parquet(path)
    frame[[name for name in frame if not name.startswith(column)]].to_parquet(path)

    with pytest.raises(StoreError, match=column):
        workspace.store.commit(samples=[SampleSource("f1d0", path)])


def test_what_is_computed_of_a_pair_replaces_all_that_was_there_of_it(workspace):
    """Also where the test, its unit or the magnification have another name now."""
    row = ComparisonRow(
        protocol="exp-03",
        baseline="none",
        candidate="ordered",
        metric="patient_accuracy",
        dataset="breakhis",
        magnification=40,
        unit="fold",
        method="corrected resampled t",
        computed_at=datetime(2026, 1, 2, 5, tzinfo=timezone(timedelta(hours=2))),
        n=5,
        p=0.04,
    )
    others = [
        replace(row, **{name: "other"})
        for name in ("protocol", "baseline", "candidate", "metric", "dataset")
    ]
    earlier = [row, replace(row, magnification=100), replace(row, method="not compared", p=None)]
    workspace.store.save_comparisons([*earlier, *others])
    again = replace(
        row, p=0.03, unit="fold, seeds averaged", computed_at=datetime(2026, 1, 3, tzinfo=UTC)
    )
    workspace.store.save_comparisons([again])

    rows = workspace.store.query("SELECT unit, p, computed_at::VARCHAR FROM comparison ORDER BY p")
    assert rows[1] == [
        ("fold, seeds averaged", 0.03, "2026-01-03 00:00:00"),
        *[("fold", 0.04, "2026-01-02 03:00:00")] * len(others),
    ]


def test_what_a_publication_says_replaces_what_it_said_before(workspace):
    value = PublishedValue("table-5", "op", "mean", "92.00 ± 1.2", mean=92.0, sd=1.2, bold=True)
    claim = PublishedClaim("best", 0, "ordering", "6", "first sentence", "is best")
    workspace.store.load_published(
        [
            PublishedSource("mpcs", "a", (value,), (claim,)),
            PublishedSource("other", "b", (PublishedValue("table-1", "x", "y", "80"),)),
        ]
    )
    again = (value, replace(value, table_id="table-6", printed="91"))
    workspace.store.load_published([PublishedSource("mpcs", "c", again)])

    rows = workspace.store.query("SELECT source, table_id, printed FROM published ORDER BY ALL")[1]
    assert rows == [
        ("mpcs", "table-5", "92.00 ± 1.2"),
        ("mpcs", "table-6", "91"),
        ("other", "table-1", "80"),
    ]
    assert workspace.store.query("SELECT * FROM claims")[1] == []
    assert workspace.store.published_digests() == {"mpcs": "c", "other": "b"}
