"""The public views are an API: their columns are documented, and their numbers agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mpcs_bench.records import StageState
from mpcs_bench.store.schema import VIEWS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "database.md"


def documented_columns(view: str) -> list[str]:
    section = re.search(rf"^### `{view}`\n(.*?)(?=^##|\Z)", DOCUMENT.read_text(), re.M | re.S)
    assert section, f"docs/database.md has no section '### `{view}`'"
    return re.findall(r"^\| `(\w+)` \|", section[1], re.M)


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_of_a_view_is_documented_in_order(workspace, view):
    workspace.store.commit()
    names, _ = workspace.store.query(f"SELECT * FROM {view}")

    assert documented_columns(view) == names, (
        f"docs/database.md and store/sql/views.sql disagree about `{view}`: "
        "change both, and raise SCHEMA_VERSION in store/schema.py"
    )


@pytest.mark.parametrize(
    ("metric", "recomputed"),
    [
        (
            "image_accuracy",
            "SELECT cell_id, magnification, avg((predicted = label)::INT) AS value "
            "FROM predictions GROUP BY ALL",
        ),
        (
            "patient_accuracy",
            "SELECT cell_id, magnification, avg(value) AS value FROM ("
            "SELECT cell_id, magnification, patient_id, avg((predicted = label)::INT) AS value "
            "FROM predictions GROUP BY ALL) GROUP BY ALL",
        ),
        (
            "image_accuracy",
            "SELECT cell_id, magnification, avg(((score >= threshold)::INT = label)::INT) AS value "
            "FROM predictions GROUP BY ALL",
        ),
        (
            "image_accuracy",
            "SELECT cell_id, magnification, avg(((logits[1] >= 0)::INT = label)::INT) AS value "
            "FROM predictions GROUP BY ALL",
        ),
    ],
    ids=["image", "patient", "image, from scores", "image, from logits"],
)
def test_accuracy_recomputed_from_predictions_equals_the_stored_metric(
    workspace, metric, recomputed
):
    workspace.store.commit(
        results=[workspace.result(f, s) for f in range(3) for s in ("none", "ordered")]
    )
    _, rows = workspace.store.query(
        f"WITH again AS ({recomputed}) "
        "SELECT metrics.value, again.value FROM metrics JOIN again "
        "ON metrics.cell_id = again.cell_id AND test_magnification = magnification "
        f"WHERE metric = '{metric}'"
    )

    assert len(rows) == 3 * 2 * 2
    assert [stored for stored, _ in rows] == pytest.approx([again for _, again in rows], abs=1e-12)


def test_the_two_levels_differ_in_the_fabricated_data(workspace):
    """Otherwise the test above could not tell one from the other."""
    workspace.store.commit(results=[workspace.result(0)])
    _, rows = workspace.store.query(
        "SELECT max(value) - min(value) FROM metrics GROUP BY test_magnification"
    )

    assert all(gap > 1e-6 for (gap,) in rows)


def test_metrics_carry_the_axes_that_tables_group_by(workspace):
    workspace.store.commit(results=[workspace.result(2, "random")])
    _, rows = workspace.store.query(
        "SELECT DISTINCT encoder, strategy, fold, seed, train_magnification, part FROM metrics"
    )

    assert rows == [("resnet50", "random", 2, 0, 40, "test")]


def test_the_history_of_a_shared_stage_has_no_cell(workspace):
    workspace.store.commit(results=[workspace.result(0), workspace.pretraining()])
    _, rows = workspace.store.query(
        "SELECT kind, cell_id IS NULL, count(*) FROM history GROUP BY ALL ORDER BY ALL"
    )

    assert rows == [("finetune", False, 3), ("pretrain", True, 1)]


@pytest.mark.parametrize(
    ("state", "shown"), [("running", (4242, "elsewhere")), ("failed", (None, None))]
)
def test_a_running_stage_names_its_process_and_no_other_does(workspace, state, shown):
    workspace.store.commit(
        plans=[workspace.plan(workspace.cell(0, 0))],
        states=[StageState(workspace.key(0), "s", state, pid=4242, host="elsewhere")],
    )
    _, rows = workspace.store.query(
        f"SELECT pid, host FROM stages WHERE key = '{workspace.key(0)}'"
    )

    assert rows == [shown]


def test_a_finished_stage_names_no_process(workspace):
    workspace.store.commit(
        states=[StageState(workspace.key(0), "s", "running", pid=4242, host="elsewhere")],
        results=[workspace.result(0)],
    )

    assert workspace.store.query("SELECT state, pid, host FROM stages")[1] == [("done", None, None)]
