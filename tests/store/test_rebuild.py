"""The database can be made again from the files, and says so when it must be."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.records import StageState, write_state
from mpcs_bench.store import SampleSource, Store, rebuild

NO_IDS = {
    "cells": "cell_id, stage_id",
    "metrics": "cell_id, stage_id",
    "predictions": "cell_id, stage_id",
    "history": "cell_id, stage_id",
    "stages": "stage_id",
}


def public(store):
    """Return all rows of the views that come from files, without ids."""
    views = {name: f" EXCLUDE ({ids})" for name, ids in NO_IDS.items()} | {"samples": ""}
    return {
        view: sorted(map(repr, store.query(f"SELECT *{exclude} FROM {view}")[1]))
        for view, exclude in views.items()
    }


@pytest.fixture
def filled(workspace):
    state = StageState(workspace.key(1), "s", "failed", error="NaN", updated="2026-01-02T00:00:00")
    write_state(workspace.path, state)
    workspace.store.commit(
        plans=[
            workspace.plan(workspace.cell(0, 0), workspace.cell(1, 1)),
            workspace.plan(workspace.cell(0, 0), protocol="exp-07"),
        ],
        states=[state],
        results=[workspace.result(0), workspace.pretraining()],
        samples=[SampleSource("f1d0", workspace.samples(), "breakhis")],
    )
    return workspace


def test_a_rebuilt_database_says_the_same(filled):
    before, digest = public(filled.store), filled.store.digest()
    filled.store.path.unlink()

    report = rebuild(filled.path)

    assert public(filled.store) == before
    assert filled.store.digest() == digest
    assert len(report.added) == 2
    assert sorted(path.name for path in filled.path.iterdir()) == [
        "bench.duckdb",
        "cache",
        "plans",
        "results",
        "states",
    ]


def test_a_rebuild_over_a_standing_database_says_the_same(filled):
    before = public(filled.store)
    filled.store.rebuild()

    assert public(filled.store) == before


def test_a_missing_database_is_rebuilt_when_it_is_read(filled):
    before = public(filled.store)
    filled.store.path.unlink()

    assert public(filled.store) == before


def test_a_missing_database_is_rebuilt_when_something_is_committed(filled):
    filled.store.path.unlink()
    new = filled.result(1)
    report = filled.store.commit(results=[new])

    assert filled.store.query("SELECT count(*) FROM stages WHERE state = 'done'")[1] == [(3,)]
    assert report.damaged == {}


def test_a_log_left_behind_is_not_replayed_into_a_new_database(filled):
    digest = filled.store.digest()
    filled.store.path.unlink()
    filled.store.path.with_name("bench.duckdb.wal").write_bytes(b"old log" * 100)

    assert filled.store.digest() == digest


def test_damaged_results_are_left_out_of_a_rebuild_and_reported(filled):
    bad = filled.results / filled.key(0)
    (bad / "predictions.parquet").write_bytes(b"rot")

    report = rebuild(filled.path)

    assert report.added == ("pre",)
    assert list(report.damaged) == [bad]


def test_an_old_database_stays_where_a_rebuild_fails(filled):
    before = filled.store.path.read_bytes()
    plan = filled.path / "plans" / "exp-03.json"
    plan.write_text("{")

    with pytest.raises(StoreError, match=r"exp-03\.json"):
        rebuild(filled.path)
    assert filled.store.path.read_bytes() == before
    assert not list(filled.path.glob(".tmp-*"))


@pytest.mark.parametrize(("version", "advice"), [(99, "newer mpcs-bench"), (0, "made again")])
def test_a_database_of_another_schema_is_refused(filled, version, advice):
    with duckdb.connect(str(filled.store.path)) as connection:
        connection.execute("UPDATE meta SET schema_version = ?", [version])

    for use in (filled.store.digest, filled.store.commit):
        with pytest.raises(StoreError, match=f"schema version {version}") as caught:
            use()
        assert advice in caught.value.hint


def test_a_folder_name_that_duckdb_misreads_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"'\?' in its name"):
        Store(tmp_path / "why?").commit()
    assert not (tmp_path / "why?").exists()


def test_a_folder_without_anything_is_no_workspace(tmp_path):
    with pytest.raises(StoreError, match="no results in") as caught:
        Store(tmp_path / "absent").query("SELECT 1")
    assert "--workspace" in caught.value.hint
    assert not (tmp_path / "absent").exists()


def test_a_workspace_that_moved_is_the_same(filled, tmp_path):
    digest = filled.store.digest()
    moved = shutil.move(filled.path, tmp_path / "moved")

    assert Store(moved).digest() == digest
    assert Store(moved).uncommitted() == []
